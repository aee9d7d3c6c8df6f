package web

import "sync"

// remembered bounds what is kept in memory; beyond it, it is asked again.
const remembered = 4096

// moment remembers answers for as long as whoever asks takes them for new. It is for many at once.
type moment[K comparable, V any] struct {
	mu    sync.Mutex
	known map[K]V
}

func (m *moment[K, V]) recall(k K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.known[k]
	return v, ok
}

func (m *moment[K, V]) keep(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= remembered {
		m.known = map[K]V{}
	}
	m.known[k] = v
}

func (m *moment[K, V]) forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, k)
}
