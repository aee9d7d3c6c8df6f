package sync

import (
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// ledger is what is recorded of an operation, in the order in which things were first recorded, at most one of each task.
type ledger struct {
	lines []argo.ResourceResult
	at    map[resultKey]int
}

// resultKey tells tasks apart: an object that is no hook is one task, whatever phase it is moved to.
type resultKey struct {
	id    object.ID
	hook  argo.HookType
	phase argo.SyncPhase // of hooks
}

func keyOf(r argo.ResourceResult) resultKey {
	k := resultKey{id: resultID(r), hook: r.HookType}
	if k.hook != "" {
		k.phase = r.SyncPhase
	}
	return k
}

// listed is a copy of what was recorded.
func listed(done []argo.ResourceResult) *ledger {
	l := &ledger{slices.Clone(done), make(map[resultKey]int, len(done))}
	for i, r := range done {
		if k := keyOf(r); !l.has(k) {
			l.at[k] = i
		}
	}
	return l
}

func (l *ledger) has(k resultKey) bool {
	_, ok := l.at[k]
	return ok
}

// set puts a result in the place of the one that its task has, or behind all others.
func (l *ledger) set(r argo.ResourceResult) {
	k := keyOf(r)
	if i, ok := l.at[k]; ok {
		l.lines[i] = r
		return
	}
	l.at[k] = len(l.lines)
	l.lines = append(l.lines, r)
}
