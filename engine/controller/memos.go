package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// memos are what is remembered of each resource of a kind between its reconciles. What of one belongs to the reconcile that runs needs no
// lock: there is never more than one of a resource.
type memos[T any] struct {
	fresh func() *T
	mu    sync.Mutex
	all   map[types.NamespacedName]*T
}

func newMemos[T any](fresh func() *T) *memos[T] {
	return &memos[T]{fresh: fresh, all: map[types.NamespacedName]*T{}}
}

// of is the memo of a resource, a fresh one if nothing is remembered.
func (s *memos[T]) of(key types.NamespacedName) *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.all[key]
	if m == nil {
		m = s.fresh()
		s.all[key] = m
	}
	return m
}

func (s *memos[T]) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
}
