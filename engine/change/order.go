package change

import (
	"slices"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
)

// ids are the identities in any of the sets, each once.
func ids(sets ...*object.Set) []object.ID {
	seen := map[object.ID]bool{}
	var out []object.ID
	for _, s := range sets {
		for _, o := range s.All() {
			if id := o.ID(); !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

func sortIDs(ids []object.ID) {
	slices.SortFunc(ids, object.ID.Compare)
}

func sortDifferences(ds []compare.Difference) {
	slices.SortFunc(ds, func(a, b compare.Difference) int { return a.ID.Compare(b.ID) })
}

// access is an entry of a trace in the words of plan.
func access(e git.Entry) plan.Touch {
	t := plan.Touch{Path: e.Path, Access: plan.Read}
	switch e.Op {
	case git.List:
		t.Access = plan.Listed
	case git.Miss:
		t.Access = plan.Missed
	}
	return t
}
