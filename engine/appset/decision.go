package appset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ResourceQuery asks for the objects of a kind in the control namespace, by name or by labels.
type ResourceQuery struct {
	APIVersion string // such as cluster.open-cluster-management.io/v1beta1
	// Kind is its plural in lower case, as Argo CD wants it, such as placementdecisions; or the kind itself.
	Kind     string
	Name     string
	Selector metav1.LabelSelector
}

// decisions yields the clusters that other objects have decided for: those in their status whose matchKey is the name of one that is
// registered.
func (r *run) decisions(g generator) ([]params, error) {
	field := g.field + ".clusterDecisionResource"
	duck := g.ClusterDecisionResource
	byLabels := len(duck.LabelSelector.MatchLabels) > 0 || len(duck.LabelSelector.MatchExpressions) > 0
	switch {
	case duck.ConfigMapRef == "":
		return nil, fault(field+".configMapRef", "configMapRef is missing")
	case (duck.Name != "") == byLabels:
		return nil, fault(field, "either name or labelSelector says which objects decide")
	}
	at := NeedsWorld{Generator: "clusterDecisionResource", Field: field}
	about, err := outside(r, at, "configmap "+duck.ConfigMapRef, func() (map[string]string, error) { return r.world.ConfigMap(duck.ConfigMapRef) })
	if err != nil {
		return nil, fmt.Errorf("reading the ConfigMap %s for %s: %w", duck.ConfigMapRef, field, err)
	}
	for _, key := range []string{"apiVersion", "kind", "matchKey"} {
		if about[key] == "" {
			return nil, fault(field+".configMapRef", "the ConfigMap %s has no %s", duck.ConfigMapRef, key)
		}
	}
	if !strings.Contains(about["apiVersion"], "/") {
		return nil, fault(field+".configMapRef", "the ConfigMap %s has an apiVersion without a group: %q", duck.ConfigMapRef, short(about["apiVersion"]))
	}
	q := ResourceQuery{APIVersion: about["apiVersion"], Kind: about["kind"], Name: duck.Name, Selector: duck.LabelSelector}
	objects, err := outside(r, at, q, func() ([]map[string]any, error) { return r.world.Resources(q) })
	if err != nil {
		return nil, fmt.Errorf("listing %s for %s: %w", q.Kind, field, err)
	}
	if len(objects) == 0 {
		return nil, fault(field, "there is no object of %s %s that decides", q.APIVersion, q.Kind)
	}
	clusters, err := r.registered(field)
	if err != nil {
		return nil, err
	}
	return r.decided(g, objects, decisionKeys{list: cmp.Or(about["statusListKey"], "clusters"), match: about["matchKey"]}, clusters)
}

type decisionKeys struct{ list, match string }

func (r *run) decided(g generator, objects []map[string]any, keys decisionKeys, clusters []Cluster) ([]params, error) {
	field := g.field + ".clusterDecisionResource"
	byName := map[string]Cluster{inClusterName: {Name: inClusterName, Server: inClusterServer}}
	for _, c := range clusters {
		if c.local() {
			delete(byName, inClusterName) // it goes by the name it is registered under
		}
	}
	for _, c := range clusters {
		byName[c.Name] = c
	}
	var sets []params
	for _, object := range objects {
		status, _ := object["status"].(map[string]any)
		list, ok := status[keys.list].([]any)
		if !ok && status[keys.list] != nil {
			return nil, fault(field, "status.%s of an object that decides is no list", keys.list)
		}
		for _, item := range list {
			if err := r.limit.spend(perEntry); err != nil {
				return nil, within(field, err)
			}
			decision, ok := item.(map[string]any)
			if !ok {
				return nil, fault(field, "status.%s of an object that decides is no list of objects", keys.list)
			}
			cluster, known := byName[words(decision[keys.match])]
			if !known || decision[keys.match] == nil {
				continue
			}
			decision, err := r.shown(decision, NeedsWorld{Generator: "clusterDecisionResource", Field: field})
			if err != nil {
				return nil, err
			}
			set := params{"name": cluster.Name, "server": cluster.Server}
			for _, k := range slices.Sorted(maps.Keys(decision)) {
				set[k] = words(decision[k])
			}
			if err := r.addValues(set, g.ClusterDecisionResource.Values, field); err != nil {
				return nil, err
			}
			sets = append(sets, set)
		}
	}
	return sets, nil
}

func words(v any) string { return fmt.Sprintf("%v", v) }
