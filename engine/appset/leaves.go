package appset

import (
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Leaf is a generator that asks the world, or lists what is written out. In the second place of a matrix its fields may be templates
// of what the first yields.
type Leaf struct {
	argo.ApplicationSetTerminalGenerator
	// Kind is the generator's as the set spells it.
	Kind string
	// Field is where it stands in the set.
	Field string
}

// Leaves are the generators of a set that are not combinations of others, in order. Those that cannot be decoded are left out:
// Generate says what is wrong with them.
func Leaves(set *argo.ApplicationSet) []Leaf {
	r := &run{set: set}
	roots, _ := r.decoded()
	var leaves []Leaf
	var walk func(g generator)
	walk = func(g generator) {
		if g.Matrix != nil || g.Merge != nil {
			children, _, _ := g.children()
			for _, child := range children {
				walk(child)
			}
			return
		}
		for _, kind := range g.kinds() {
			leaves = append(leaves, Leaf{Kind: kind, Field: g.field + "." + kind, ApplicationSetTerminalGenerator: argo.ApplicationSetTerminalGenerator{
				List: g.List, Clusters: g.Clusters, Git: g.Git, SCMProvider: g.SCMProvider, PullRequest: g.PullRequest,
				ClusterDecisionResource: g.ClusterDecisionResource, Plugin: g.Plugin, Selector: g.Selector,
			}})
		}
	}
	for _, g := range roots {
		walk(g)
	}
	return leaves
}

// slow is how often forges and plugins are asked when nothing tells of a change.
const slow = 30 * time.Minute

// RequeueAfter is the time after which a set's generators want to be asked again: the least of what they say, or of their defaults;
// otherwise is that of git and clusterDecisionResource. 0 is never.
func RequeueAfter(set *argo.ApplicationSet, otherwise time.Duration) time.Duration {
	var least time.Duration
	for _, leaf := range Leaves(set) {
		d := leaf.requeueAfter(otherwise)
		if d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

func (l Leaf) requeueAfter(otherwise time.Duration) time.Duration {
	var seconds *int64
	d := slow
	switch {
	case l.Git != nil:
		seconds, d = l.Git.RequeueAfterSeconds, otherwise
	case l.ClusterDecisionResource != nil:
		seconds, d = l.ClusterDecisionResource.RequeueAfterSeconds, otherwise
	case l.SCMProvider != nil:
		seconds = l.SCMProvider.RequeueAfterSeconds
	case l.PullRequest != nil:
		seconds = l.PullRequest.RequeueAfterSeconds
	case l.Plugin != nil:
		seconds = l.Plugin.RequeueAfterSeconds
	default:
		return 0
	}
	if seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return d
}
