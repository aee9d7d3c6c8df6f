package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// controlNamespace is what base/kustomization.yaml says; everything else must
// follow from it.
const controlNamespace = "argocd"

func TestEveryManifestIsOfItsKubernetesType(t *testing.T) {
	manifests := 0
	err := fs.WalkDir(Files(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Files(), p)
		if err != nil {
			return err
		}
		if path.Base(p) == "kustomization.yaml" {
			if err := yaml.UnmarshalStrict(text, &types.Kustomization{}); err != nil {
				t.Errorf("%s: %v", p, err)
			}
			return nil
		}
		manifests += len(decode(t, p, text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if manifests < 15 {
		t.Errorf("found %d manifests: some are not embedded", manifests)
	}
}

func TestDecodingNoticesAFieldThatDoesNotExist(t *testing.T) {
	text := []byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec:\n  prots: []\n")
	if _, _, err := decoder(t).Decode(text, nil, nil); err == nil {
		t.Error("a Service with spec.prots was accepted")
	}
}

func TestBaseLiesInTheControlNamespace(t *testing.T) {
	for _, object := range build(t, "base") {
		switch o := object.(type) {
		case *apiextensionsv1.CustomResourceDefinition:
			if o.Spec.Group != "slipway.dev" {
				t.Errorf("base replaces %s, which may be Argo CD's", o.Name)
			}
		case *rbacv1.ClusterRole, *rbacv1.ClusterRoleBinding, *corev1.Namespace:
			t.Errorf("base has a %T: it must stay in the control namespace", o)
		case *rbacv1.RoleBinding:
			if got := o.Subjects[0].Namespace; got != controlNamespace {
				t.Errorf("RoleBinding is for the account in %q, want %q", got, controlNamespace)
			}
		default:
			if got := meta(t, object).GetNamespace(); got != controlNamespace {
				t.Errorf("%T is in namespace %q, want %q", object, got, controlNamespace)
			}
		}
	}
}

func TestClusterRolesAreBoundToTheAccountOfBase(t *testing.T) {
	account := find[*corev1.ServiceAccount](t, build(t, "base"))
	for _, overlay := range []string{"cluster-read", "cluster-admin", "cluster-impersonate", "application-namespaces", "applicationset-namespaces"} {
		objects := build(t, overlay)
		role, binding := find[*rbacv1.ClusterRole](t, objects), find[*rbacv1.ClusterRoleBinding](t, objects)
		if binding.RoleRef.Name != role.Name {
			t.Errorf("%s: binding is of %q, role is %q", overlay, binding.RoleRef.Name, role.Name)
		}
		if s := binding.Subjects[0]; s.Name != account.Name || s.Namespace != account.Namespace {
			t.Errorf("%s: binding is for %s/%s, account is %s/%s", overlay, s.Namespace, s.Name, account.Namespace, account.Name)
		}
	}
	reader := find[*rbacv1.ClusterRole](t, build(t, "cluster-read"))
	for _, rule := range reader.Rules {
		for _, verb := range rule.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) {
				t.Errorf("cluster-read may %s %v", verb, rule.Resources)
			}
		}
	}
}

func TestBaseHasNoRightThatItDoesNotNeed(t *testing.T) {
	role := find[*rbacv1.Role](t, build(t, "base"))
	readOnly := []string{"secrets", "configmaps", "statefulsets", "deployments"}
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			if slices.Contains([]string{"*", "deletecollection", "escalate", "bind", "impersonate"}, verb) {
				t.Errorf("%v: verb %s", rule.Resources, verb)
			}
			for _, resource := range rule.Resources {
				if slices.Contains(readOnly, resource) && !slices.Contains([]string{"get", "list", "watch"}, verb) {
					t.Errorf("%s is only read, yet may be changed by %s", resource, verb)
				}
			}
		}
		if slices.Contains(rule.Resources, "*") || slices.Contains(rule.APIGroups, "*") {
			t.Errorf("a rule for everything: %v", rule)
		}
	}
}

func TestPodKeepsToTheRestrictedProfile(t *testing.T) {
	pod := find[*appsv1.Deployment](t, build(t, "base")).Spec.Template.Spec
	if c := pod.SecurityContext; c == nil || c.RunAsNonRoot == nil || !*c.RunAsNonRoot ||
		c.SeccompProfile == nil || c.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("pod: want runAsNonRoot and the runtime's seccomp profile, have %v", c)
	}
	for _, container := range pod.Containers {
		c := container.SecurityContext
		if c == nil || c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation ||
			c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem ||
			c.Capabilities == nil || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(c.Capabilities.Add) > 0 {
			t.Errorf("container %s: want no escalation, a read-only root and no capabilities, have %v", container.Name, c)
		}
	}
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			t.Errorf("volume %s is of the host", v.Name)
		}
	}
}

func TestProbesServicesAndSelectorsReachThePod(t *testing.T) {
	objects := build(t, "base")
	template := find[*appsv1.Deployment](t, objects).Spec.Template
	container := template.Spec.Containers[0]
	ports := map[string]int32{}
	for _, p := range container.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if ports["http"] != 8080 || ports["probes"] != 8081 || ports["metrics"] != 8082 {
		t.Errorf("ports are %v, want http 8080, probes 8081, metrics 8082", ports)
	}
	for name, want := range map[string]struct {
		probe *corev1.Probe
		path  string
	}{
		"startup":   {container.StartupProbe, "/healthz"},
		"liveness":  {container.LivenessProbe, "/healthz"},
		"readiness": {container.ReadinessProbe, "/readyz"},
	} {
		if get := want.probe.HTTPGet; get.Path != want.path || get.Port.String() != "probes" {
			t.Errorf("%s probe asks %s on %s", name, get.Path, get.Port.String())
		}
	}
	for _, object := range objects {
		switch o := object.(type) {
		case *corev1.Service:
			reaches(t, "Service "+o.Name, labels.SelectorFromSet(o.Spec.Selector), template.Labels)
			for _, p := range o.Spec.Ports {
				if _, ok := ports[p.TargetPort.String()]; !ok {
					t.Errorf("Service %s: port %s goes to %s, which the pod has not", o.Name, p.Name, p.TargetPort.String())
				}
			}
		case *networkingv1.NetworkPolicy:
			reaches(t, "NetworkPolicy", labels.SelectorFromSet(o.Spec.PodSelector.MatchLabels), template.Labels)
		case *policyv1.PodDisruptionBudget:
			reaches(t, "PodDisruptionBudget", labels.SelectorFromSet(o.Spec.Selector.MatchLabels), template.Labels)
		}
	}
}

func TestMountsHaveTheirVolumes(t *testing.T) {
	objects := build(t, "base")
	pod := find[*appsv1.Deployment](t, objects).Spec.Template.Spec
	for _, m := range pod.Containers[0].VolumeMounts {
		if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
			t.Errorf("mount %s has no volume", m.MountPath)
		}
	}
	config := find[*corev1.ConfigMap](t, objects)
	var settings map[string]any
	if err := yaml.UnmarshalStrict([]byte(config.Data["config.yaml"]), &settings); err != nil {
		t.Errorf("config.yaml: %v", err)
	}
	if owners, ok := settings["allow-owner"].([]any); !ok || len(owners) != 0 {
		t.Errorf("allow-owner is %v: base must not serve anybody by default", settings["allow-owner"])
	}
}

func TestCRDsAreFreshCopies(t *testing.T) {
	first, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	first[0].Name = "changed"
	second, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range second {
		names = append(names, c.Name)
	}
	want := []string{"applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io",
		"locks.slipway.dev", "pullrequests.slipway.dev", "repositories.slipway.dev"}
	if !slices.Equal(names, want) {
		t.Errorf("have %v, want %v", names, want)
	}
}

func reaches(t *testing.T, what string, selector labels.Selector, pod map[string]string) {
	t.Helper()
	if selector.Empty() || !selector.Matches(labels.Set(pod)) {
		t.Errorf("%s selects %q, the pod has %v", what, selector, pod)
	}
}

// build runs Kustomize over the embedded files, as `kubectl apply -k` would.
func build(t *testing.T, folder string) []runtime.Object {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	err := fs.WalkDir(Files(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Files(), p)
		if err != nil {
			return err
		}
		return disk.WriteFile("/"+p, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := result.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, folder, text)
}

func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

func decode(t *testing.T, name string, text []byte) []runtime.Object {
	t.Helper()
	d := decoder(t)
	var objects []runtime.Object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if onlyComments(document) {
			continue
		}
		object, _, err := d.Decode(document, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		objects = append(objects, object)
	}
}

func onlyComments(document []byte) bool {
	for line := range bytes.Lines(document) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

func find[T runtime.Object](t *testing.T, objects []runtime.Object) T {
	t.Helper()
	for _, o := range objects {
		if found, ok := o.(T); ok {
			return found
		}
	}
	var none T
	t.Fatalf("there is no %T", none)
	return none
}

func meta(t *testing.T, object runtime.Object) interface{ GetNamespace() string } {
	t.Helper()
	m, ok := object.(interface{ GetNamespace() string })
	if !ok {
		t.Fatalf("%T has no metadata", object)
	}
	return m
}
