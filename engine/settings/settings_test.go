package settings

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func secret(name, kind string, data ...string) corev1.Secret {
	s := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{SecretTypeLabel: kind}}, Data: map[string][]byte{}}
	for i := 0; i < len(data); i += 2 {
		s.Data[data[i]] = []byte(data[i+1])
	}
	return s
}

func configMap(name string, data ...string) corev1.ConfigMap {
	m := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{}}
	for i := 0; i < len(data); i += 2 {
		m.Data[data[i]] = data[i+1]
	}
	return m
}

func TestNothingSetIsTheDefaults(t *testing.T) {
	got, errs := Decode([]corev1.ConfigMap{configMap("another", "url", "x")}, []corev1.Secret{secret("s", "scm-creds", "url", "x")})
	if diff := cmp.Diff(Defaults(), got); diff != "" || len(errs) > 0 {
		t.Error(diff, errs)
	}
}

func TestDecode(t *testing.T) {
	got, errs := Decode([]corev1.ConfigMap{
		configMap(ConfigMapName, "url", "https://cd.example.com/", "application.resourceTrackingMethod", "annotation+label", "application.instanceLabelKey", "x/y",
			"installationID", "me", "timeout.reconciliation", "300", "timeout.reconciliation.jitter", "0s", "helm.enable", "false", "cluster.inClusterEnabled", "false",
			"resource.exclusions", "- apiGroups: ['*.cilium.io']\n  kinds: [Identity]\n  clusters: ['https://10.*']\n",
			"resource.compareoptions", "ignoreAggregatedRoles: true\nignoreResourceStatusField: crd\n",
			"resource.sensitive.mask.annotations", "a/b, c",
			"resource.customizations.ignoreResourceUpdates.all", "jsonPointers: [/status]\n",
			"resource.customizations.ignoreDifferences.all", "managedFieldsManagers: [hpa]\n",
			"resource.customizations.ignoreDifferences.apps_Deployment", "jsonPointers: [/spec/replicas]\n",
			"resource.customizations", "admissionregistration.k8s.io/MutatingWebhookConfiguration:\n  ignoreDifferences: |\n    jqPathExpressions: ['.webhooks[]?.clientConfig.caBundle']\n"),
		configMap(ParametersName, "application.namespaces", "team-*, other", "reposerver.enable.git.submodule", "false", "controller.diff.server.side", "true"),
		configMap(KnownHostsName, "ssh_known_hosts", "host key"),
		configMap(CertificatesName, "git.example.com", "PEM"),
	}, []corev1.Secret{
		secret("c2", "cluster", "name", "staging", "server", "https://10.0.0.1:6443/", "project", "p", "namespaces", "a, b", "clusterResources", "true",
			"config", `{"bearerToken":"HUSH","tlsClientConfig":{"caData":"UEVN","serverName":"n"},"proxyUrl":"http://p"}`),
		secret("c1", "cluster", "name", "aws", "server", "https://aws", "config", `{"awsAuthConfig":{"clusterName":"x","roleARN":"arn"}}`),
		secret("c3", "cluster", "name", "gke", "server", "https://gke", "config", `{"execProviderConfig":{"command":"argocd-k8s-auth","args":["gcp"],"env":{"A":"HUSH"},"apiVersion":"client.authentication.k8s.io/v1beta1"}}`),
		secret("r", "repository", "url", "https://git.example.com/a.git", "username", "u", "password", "HUSH", "enableLfs", "true", "depth", "3"),
		secret("t", "repo-creds", "url", "https://git.example.com", "githubAppID", "5", "githubAppPrivateKey", "HUSH"),
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	labels := func(kind string) map[string]string { return map[string]string{SecretTypeLabel: kind} }
	timing := defaultTiming
	timing.Reconciliation, timing.Jitter = 5*time.Minute, 0
	want := Settings{
		Clusters: []Cluster{
			{Secret: "c1", Name: "aws", Server: "https://aws", Labels: labels("cluster"), Access: Access{AWS: &AWS{ClusterName: "x", RoleARN: "arn"}}},
			{Secret: "c3", Name: "gke", Server: "https://gke", Labels: labels("cluster"), Access: Access{Program: &Program{Command: "argocd-k8s-auth", Args: []string{"gcp"},
				Env: map[string]Hidden{"A": "HUSH"}, APIVersion: "client.authentication.k8s.io/v1beta1"}}},
			{Secret: "c2", Name: "staging", Server: "https://10.0.0.1:6443", Project: "p", Namespaces: []string{"a", "b"}, ClusterResources: true, Labels: labels("cluster"),
				Access: Access{BearerToken: "HUSH", TLS: TLS{ServerName: "n", CA: []byte("PEM")}, ProxyURL: "http://p"}},
		},
		Repositories: []Repository{{Secret: "r", URL: "https://git.example.com/a.git", Type: "git", Username: "u", Password: "HUSH", LFS: true, Depth: 3}},
		Credentials:  []Repository{{Secret: "t", URL: "https://git.example.com", Type: "git", GitHubApp: GitHubApp{ID: 5, PrivateKey: "HUSH"}}},
		URL:          "https://cd.example.com", TrackingMethod: "annotation+label", InstanceLabelKey: "x/y", InstallationID: "me",
		Timing: timing, ApplicationNamespaces: []string{"team-*", "other"}, HelmDisabled: true,
		Exclusions: []ResourceFilter{{APIGroups: []string{"*.cilium.io"}, Kinds: []string{"Identity"}, Clusters: []string{"https://10.*"}}},
		IgnoreDifferences: []argo.ResourceIgnoreDifferences{
			{Group: "*", Kind: "*", ManagedFieldsManagers: []string{"hpa"}},
			{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration", JQPathExpressions: []string{".webhooks[]?.clientConfig.caBundle"}},
			{Group: "apps", Kind: "Deployment", JSONPointers: []string{"/spec/replicas"}},
		},
		IgnoreUpdates:      []argo.ResourceIgnoreDifferences{{Group: "*", Kind: "*", JSONPointers: []string{"/status"}}},
		Comparing:          Comparing{IgnoreAggregatedRoles: true, Status: "crd", ServerSide: true, Hide: []string{"a/b", "c"}},
		SubmodulesDisabled: true, Sets: ApplicationSets{RequeueAfter: 3 * time.Minute, MaxResources: 5000},
		KnownHosts: "host key", Certificates: map[string]string{"git.example.com": "PEM"},
	}
	// Hidden values are compared as what they are, not as they print.
	reveal := cmp.Options{cmp.Transformer("", func(h Hidden) []byte { return []byte(h) }), cmp.Transformer("bytes", func(h HiddenBytes) []byte { return h })}
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Error(diff)
	}
	for _, r := range append(got.Repositories, got.Credentials...) {
		if !r.HasCredentials() {
			t.Errorf("%s has no credentials", r.URL)
		}
	}
}

func TestWhatCannotBeReadIsNamedAndLeftOut(t *testing.T) {
	got, errs := Decode([]corev1.ConfigMap{configMap(ParametersName, "reposerver.enable.git.submodule", "maybe"), configMap(ConfigMapName, "timeout.reconciliation", "soon", "application.resourceTrackingMethod", "magic", "resource.exclusions", "{")},
		[]corev1.Secret{
			secret("no-server", "cluster", "name", "a"),
			secret("bad-config", "cluster", "server", "https://a", "config", `{"bearerToken": HUSH}`),
			secret("odd-config", "cluster", "server", "https://a", "config", `{"password": {"HUSH": 1}}`),
			secret("no-url", "repository", "password", "HUSH"),
			secret("bad-flag", "repository", "url", "https://x", "insecure", "HUSH"),
		})
	var text strings.Builder
	for _, err := range errs {
		fmt.Fprintln(&text, err)
	}
	for _, want := range []string{"reposerver.enable.git.submodule", "timeout.reconciliation", "application.resourceTrackingMethod", "resource.exclusions", "no-server: server is missing",
		"bad-config: config is not", "odd-config: config is not", "no-url: url is missing", "bad-flag: insecure is neither"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "HUSH") {
		t.Errorf("a secret is quoted:\n%s", text.String())
	}
	// A cluster that is registered with a mistake is no cluster that is gone: what is deployed there would be let go of.
	for i, c := range got.Clusters {
		if want := []string{"bad-config", "odd-config"}[min(i, 1)]; c.Secret != want || !strings.HasPrefix(c.Fault, "config is not") {
			t.Errorf("%+v", c)
		}
	}
	if len(got.Clusters) != 2 || len(got.Repositories) != 0 || got.TrackingMethod != "annotation" || got.Timing.Reconciliation != 2*time.Minute {
		t.Errorf("%+v", got)
	}
}

func TestUpdatesThatAreNoNews(t *testing.T) {
	const differences, updates = "resource.customizations.ignoreDifferences.apps_Deployment", "resource.customizations.ignoreResourceUpdates.all"
	rules := []string{differences, "jsonPointers: [/spec/replicas]\n", updates, "jsonPointers: [/status]\n"}
	for name, c := range map[string]struct {
		more []string
		want []string // kinds
	}{
		"both":                     {nil, []string{"*", "Deployment"}},
		"differences are news":     {[]string{"resource.compareoptions", "ignoreDifferencesOnResourceUpdates: false\n"}, []string{"*"}},
		"said for differences":     {[]string{"resource.compareoptions", "ignoreDifferencesOnResourceUpdates: true\n"}, []string{"*", "Deployment"}},
		"all is news":              {[]string{"resource.ignoreResourceUpdatesEnabled", "false"}, nil},
		"the status of kinds only": {[]string{"resource.compareoptions", "ignoreResourceStatusField: none\n"}, []string{"*", "Deployment"}},
	} {
		s, errs := Decode([]corev1.ConfigMap{configMap(ConfigMapName, append(c.more, rules...)...)}, nil)
		var got []string
		for _, r := range s.IgnoredUpdates() {
			got = append(got, r.Kind)
		}
		if !slices.Equal(got, c.want) || len(errs) > 0 {
			t.Errorf("%s: %v %v", name, got, errs)
		}
	}
	if _, errs := Decode([]corev1.ConfigMap{configMap(ConfigMapName, "resource.compareoptions", "ignoreResourceStatusField: some\n")}, nil); len(errs) != 1 {
		t.Errorf("%v", errs)
	}
}

func TestHiddenValuesDoNotShow(t *testing.T) {
	a := Access{Password: "HUSH", BearerToken: "HUSH", TLS: TLS{Key: HiddenBytes("HUSH")}, Program: &Program{Env: map[string]Hidden{"A": "HUSH"}}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("a", "access", a, "password", a.Password, "key", a.TLS.Key)
	encoded, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v %s %q", a, a, a.Password, a.TLS.Key), log.String(), string(encoded)} {
		if strings.Contains(out, "HUSH") || strings.Contains(out, "SFVTSA") || strings.Contains(out, "72 85") {
			t.Errorf("shown: %s", out)
		}
	}
}

func TestExcluded(t *testing.T) {
	deployment, event, lease := schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupKind{Kind: "Event"}, schema.GroupKind{Group: "coordination.k8s.io", Kind: "Lease"}
	only := ResourceFilter{APIGroups: []string{"apps"}}
	here := ResourceFilter{Kinds: []string{"Dep*"}, Clusters: []string{"https://a.*"}}
	for name, c := range map[string]struct {
		settings Settings
		kind     schema.GroupKind
		want     bool
	}{
		"all but":                {Settings{}, deployment, false},
		"events":                 {Settings{}, event, true},
		"leases":                 {Settings{}, lease, true},
		"included":               {Settings{Inclusions: []ResourceFilter{only}}, deployment, false},
		"not included":           {Settings{Inclusions: []ResourceFilter{only}}, schema.GroupKind{Kind: "Pod"}, true},
		"excluded":               {Settings{Exclusions: []ResourceFilter{here}}, deployment, true},
		"included and excluded":  {Settings{Inclusions: []ResourceFilter{only}, Exclusions: []ResourceFilter{here}}, deployment, true},
		"excluded elsewhere":     {Settings{Exclusions: []ResourceFilter{{Clusters: []string{"https://b.*"}}}}, deployment, false},
		"included though always": {Settings{Inclusions: []ResourceFilter{{}}}, event, true},
	} {
		if got := c.settings.Excluded(c.kind, "https://a.example.com/x"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
