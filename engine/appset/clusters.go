package appset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Cluster is one that is registered, as its Secret describes it.
type Cluster struct {
	Name    string
	Server  string
	Project string // the only one that may use it; empty for all
	// Labels and Annotations are the Secret's.
	Labels, Annotations map[string]string
}

// The control plane's own cluster, where no Secret registers it.
const (
	inClusterName   = "in-cluster"
	inClusterServer = "https://kubernetes.default.svc"
)

// clusters yields those that are registered, by name, and then the control plane's own, unless a selector asks for labels, of which
// that has none.
func (r *run) clusters(g generator) ([]params, error) {
	field := g.field + ".clusters"
	selected, err := newSelector(&g.Clusters.Selector)
	if err != nil {
		return nil, within(field+".selector", err)
	}
	all, err := r.registered(field)
	if err != nil {
		return nil, err
	}
	var sets []params
	own := len(g.Clusters.Selector.MatchLabels) == 0 && len(g.Clusters.Selector.MatchExpressions) == 0
	for _, c := range all {
		if !selected(c.Labels) {
			continue
		}
		own = own && !c.local()
		set := r.clusterSet(c)
		if err := r.addValues(set, g.Clusters.Values, field); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if own {
		set := params{"name": inClusterName, "nameNormalized": inClusterName, "server": inClusterServer, "project": ""}
		if err := r.addValues(set, g.Clusters.Values, field); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if !g.Clusters.FlatList {
		return sets, nil
	}
	flat := make([]any, len(sets))
	for i, set := range sets {
		flat[i] = set
	}
	return []params{{"clusters": flat}}, nil
}

// registered are the clusters in the order of their names. Of several with one name the last counts, as in Argo CD.
func (r *run) registered(field string) ([]Cluster, error) {
	all, err := once(r, "clusters", r.world.Clusters)
	if err != nil {
		return nil, fmt.Errorf("listing the clusters for %s: %w", field, err)
	}
	if err := r.limit.spend(perLook * len(all)); err != nil {
		return nil, within(field, err)
	}
	byName := map[string]int{}
	var kept []Cluster
	for _, c := range all {
		if at, twice := byName[c.Name]; twice {
			kept[at] = c
			continue
		}
		byName[c.Name] = len(kept)
		kept = append(kept, c)
	}
	slices.SortFunc(kept, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return kept, nil
}

func (c Cluster) local() bool { return strings.TrimSuffix(c.Server, "/") == inClusterServer }

func (r *run) clusterSet(c Cluster) params {
	set := params{"name": c.Name, "nameNormalized": normalize(c.Name), "server": c.Server, "project": c.Project}
	if !r.set.Spec.GoTemplate {
		for k, v := range c.Annotations {
			set["metadata.annotations."+k] = v
		}
		for k, v := range c.Labels {
			set["metadata.labels."+k] = v
		}
		return set
	}
	meta := map[string]any{}
	if len(c.Annotations) > 0 {
		meta["annotations"] = c.Annotations
	}
	if len(c.Labels) > 0 {
		meta["labels"] = c.Labels
	}
	set["metadata"] = meta
	return set
}
