package sync

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// FenceName is the name of what is put around a preview: a ResourceQuota and a NetworkPolicy in its namespace. They are nobody's
// resources: no manifest can change them, no project permits or forbids them, and they go with the namespace.
const FenceName = "slipway-preview"

// Fences are what the annotations of a preview ask for in its namespace. The problem says what is wrong with them; then nothing may be
// applied, for what should be fenced in would not be.
func Fences(annotations map[string]string, namespace string) (fences []*unstructured.Unstructured, problem string) {
	if namespace == "" || !slipway.IsPreview(annotations) {
		return nil, ""
	}
	if text := annotations[slipway.PreviewQuotaAnnotation]; text != "" {
		hard, problem := quota(text)
		if problem != "" {
			return nil, problem
		}
		fences = append(fences, fence("v1", "ResourceQuota", namespace, map[string]any{"hard": hard}))
	}
	if text := annotations[slipway.PreviewNetworkAnnotation]; text != "" {
		spec, problem := network(text)
		if problem != "" {
			return nil, problem
		}
		fences = append(fences, fence("networking.k8s.io/v1", "NetworkPolicy", namespace, spec))
	}
	return fences, ""
}

// IsFence reports whether an object is what Fences makes.
func IsFence(id object.ID) bool {
	return id.Name == FenceName && (id.Kind == "ResourceQuota" && id.Group == "" || id.Kind == "NetworkPolicy" && id.Group == "networking.k8s.io")
}

func fence(version, kind, namespace string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind,
		"metadata": map[string]any{"name": FenceName, "namespace": namespace}, "spec": spec}}
}

// quota reads "limits.cpu=2,limits.memory=4Gi,pods=20".
func quota(text string) (map[string]any, string) {
	hard := map[string]any{}
	for item := range strings.SplitSeq(text, ",") {
		name, amount, found := strings.Cut(strings.TrimSpace(item), "=")
		q, err := resource.ParseQuantity(amount)
		if !found || name == "" || err != nil {
			return nil, fmt.Sprintf("annotation %s: %q is no amount such as limits.memory=4Gi", slipway.PreviewQuotaAnnotation, item)
		}
		hard[name] = q.String()
	}
	return hard, ""
}

var namespaceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// network reads "isolated", which lets a preview reach itself, DNS and the public internet and be reached by itself, or
// "isolated,from=ingress-nginx", which lets it be reached from other namespaces as well.
func network(text string) (map[string]any, string) {
	words := strings.Split(text, ",")
	if strings.TrimSpace(words[0]) != "isolated" {
		return nil, fmt.Sprintf("annotation %s: %q is not isolated, or isolated,from=NAMESPACE", slipway.PreviewNetworkAnnotation, text)
	}
	itself := map[string]any{"podSelector": map[string]any{}}
	from := []any{itself}
	for _, w := range words[1:] {
		name, ok := strings.CutPrefix(strings.TrimSpace(w), "from=")
		if !ok || !namespaceName.MatchString(name) {
			return nil, fmt.Sprintf("annotation %s: %q is not from=NAMESPACE", slipway.PreviewNetworkAnnotation, w)
		}
		from = append(from, map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": name}}})
	}
	private := []any{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"}
	dns := []any{map[string]any{"protocol": "UDP", "port": int64(53)}, map[string]any{"protocol": "TCP", "port": int64(53)}}
	return map[string]any{
		"podSelector": map[string]any{},
		"policyTypes": []any{"Ingress", "Egress"},
		"ingress":     []any{map[string]any{"from": from}},
		"egress": []any{
			map[string]any{"to": []any{itself}},
			map[string]any{"to": []any{map[string]any{"namespaceSelector": map[string]any{}}}, "ports": dns},
			map[string]any{"to": []any{map[string]any{"ipBlock": map[string]any{"cidr": "0.0.0.0/0", "except": private}},
				map[string]any{"ipBlock": map[string]any{"cidr": "::/0", "except": []any{"fc00::/7", "fe80::/10"}}}}},
		},
	}, ""
}

// fenceTasks put the fences up with the namespace: their kinds come right behind it, before anything can run there.
func (in *Input) fenceTasks(others []*task) []*task {
	if len(others) == 0 {
		return nil
	}
	if in.FenceProblem != "" {
		others[0].problem = in.FenceProblem
		return nil
	}
	var all []*task
	for _, u := range in.Fences {
		id := object.IDOf(u)
		all = append(all, &task{phase: argo.SyncPhasePreSync, wave: firstWave(others), id: id, target: u, live: in.Live[id], ours: true, around: true})
	}
	return all
}

// firstWave is the lowest wave of the phase that comes first.
func firstWave(tasks []*task) int64 {
	waves := []int64{0}
	for _, t := range tasks {
		if t.phase == argo.SyncPhasePreSync {
			waves = append(waves, t.wave)
		}
	}
	return slices.Min(waves)
}
