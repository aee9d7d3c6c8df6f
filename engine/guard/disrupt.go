package guard

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/compare"
)

// workloads are the kinds whose pods come from a template.
var workloads = map[[2]string]bool{
	{"apps", "Deployment"}: true, {"apps", "StatefulSet"}: true, {"apps", "DaemonSet"}: true, {"apps", "ReplicaSet"}: true,
	{"argoproj.io", "Rollout"}: true,
}

// pair is an object that the change alters, in both forms.
type pair struct {
	compare.Difference
	before, after map[string]any
}

// altered are the objects that are there before and after the change. Hooks are left out: each run makes them anew.
func (f Facts) altered() []pair {
	var out []pair
	for _, d := range f.Differences {
		if d.Kind != compare.Changed || d.Hook != "" {
			continue
		}
		before, was := f.Before.Find(d.ID)
		after, is := f.After.Find(d.ID)
		if was && is {
			out = append(out, pair{d, before.Object, after.Object})
		}
	}
	return out
}

func (p pair) kind() [2]string { return [2]string{p.ID.Group, p.ID.Kind} }

func (p pair) found(check string, s Severity, format string, args ...any) Finding {
	return Finding{Place: p.Place, ID: p.ID, Check: check, Severity: s, Message: p.ID.String() + fmt.Sprintf(format, args...)}
}

// stops warns of workloads that are scaled to nothing.
func stops(f Facts) []Finding {
	var found []Finding
	for _, p := range f.altered() {
		if !workloads[p.kind()] {
			continue
		}
		after, written := number(p.after, "spec", "replicas")
		before, was := number(p.before, "spec", "replicas")
		if !was {
			before = 1 // what the API server makes of it
		}
		if written && after == 0 && before > 0 {
			found = append(found, p.found("stops", Warn, " is scaled from %d to 0: nothing of it runs any more", before))
		}
	}
	return found
}

// restarts says which workloads get new pods, and warns where the old ones go before the new ones come.
func restarts(f Facts) []Finding {
	var found []Finding
	for _, p := range f.altered() {
		if !workloads[p.kind()] || p.ID.Kind == "ReplicaSet" || same(p, "spec", "template") {
			continue
		}
		paused, _, _ := unstructured.NestedBool(p.after, "spec", "paused")
		replicas, written := number(p.after, "spec", "replicas")
		switch {
		case written && replicas == 0: // there are none
		case paused || text(p.after, "spec", "updateStrategy", "type") == "OnDelete":
		case p.ID.Kind == "Deployment" && text(p.after, "spec", "strategy", "type") == "Recreate":
			found = append(found, p.found("restarts", Warn, " stops all its pods before it starts new ones (strategy Recreate)"))
		default:
			found = append(found, p.found("restarts", Note, " replaces its pods"))
		}
	}
	return found
}

// detaches warns of a Service that is pointed at other pods.
func detaches(f Facts) []Finding {
	var found []Finding
	for _, p := range f.altered() {
		if p.kind() != [2]string{"", "Service"} || same(p, "spec", "selector") {
			continue
		}
		selector, _, _ := unstructured.NestedStringMap(p.after, "spec", "selector")
		switch {
		case len(selector) == 0:
			found = append(found, p.found("detaches", Warn, " no longer has a selector: its endpoints are not kept any more"))
		case f.selects(selector, p.ID.Namespace):
			found = append(found, p.found("detaches", Warn, " gets another selector: its traffic goes to other pods as soon as it is applied"))
		default:
			found = append(found, p.found("detaches", Warn, " gets a selector that no workload of this application matches: it may have no endpoints"))
		}
	}
	return found
}

// selects says whether the pods of any workload have all the labels.
func (f Facts) selects(selector map[string]string, namespace string) bool {
	for _, o := range f.After.All() {
		if o.GetNamespace() != namespace {
			continue
		}
		labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
		if o.ID().Group == "" && o.GetKind() == "Pod" {
			labels = o.GetLabels()
		}
		if contains(labels, selector) {
			return true
		}
	}
	return false
}

func contains(labels, selector map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// renamed are the consequences of another name, which is another object to the API server.
var renamed = map[[2]string]string{
	{"", "Service"}:               "whoever asks for the old name in DNS no longer finds it, and its address changes",
	{"", "PersistentVolumeClaim"}: "the new claim is empty, and the data of the old one may go with it",
	{"", "Namespace"}:             "everything in the old one goes with it",
	{"", "ServiceAccount"}:        "what was granted to the old name is not granted to the new one",
	{"apps", "StatefulSet"}:       "the new one starts with empty claims",
	{"apps", "Deployment"}:        "all its pods are new, and the old ones go when it is pruned",
	{"apps", "DaemonSet"}:         "all its pods are new, and the old ones go when it is pruned",
	{"argoproj.io", "Rollout"}:    "all its pods are new, and the old ones go when it is pruned",
}

// renames warns of objects that get another name, where that is more than a name.
func renames(f Facts) []Finding {
	var found []Finding
	for _, d := range f.Differences {
		consequence, known := renamed[[2]string{d.ID.Group, d.ID.Kind}]
		if d.Was == "" || !known || d.Hook != "" {
			continue
		}
		old := d.ID
		old.Name = d.Was
		found = append(found, Finding{Place: d.Place, ID: d.ID, Check: "renames", Severity: Warn,
			Message: fmt.Sprintf("%s is renamed to %s: %s", old, d.ID.Name, consequence)})
	}
	return found
}

// changesType warns of a Service that gives up its address.
func changesType(f Facts) []Finding {
	var found []Finding
	for _, p := range f.altered() {
		if p.kind() != [2]string{"", "Service"} || text(p.before, "spec", "type") != "LoadBalancer" || text(p.after, "spec", "type") == "LoadBalancer" {
			continue
		}
		found = append(found, p.found("changes-type", Warn, " is no longer a LoadBalancer: its outside address is given up"))
	}
	return found
}

func text(o map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

func number(o map[string]any, path ...string) (int64, bool) {
	v, found, _ := unstructured.NestedFieldNoCopy(o, path...)
	switch n := v.(type) {
	case int64:
		return n, found
	case float64:
		return int64(n), found
	}
	return 0, false
}
