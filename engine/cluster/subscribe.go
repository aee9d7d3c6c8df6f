package cluster

import (
	"sync"

	"github.com/slipway-cd/slipway/engine/object"
)

// subscribers are told of changes. The zero value has none.
type subscribers struct {
	mu   sync.RWMutex
	next int
	all  map[int]func(*Cluster, string, object.ID)
}

func (s *subscribers) add(f func(*Cluster, string, object.ID)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[int]func(*Cluster, string, object.ID){}
	}
	key := s.next
	s.next++
	s.all[key] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, key)
	}
}

func (s *subscribers) tell(c *Cluster, app string, id object.ID) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, f := range s.all {
		f(c, app, id)
	}
}
