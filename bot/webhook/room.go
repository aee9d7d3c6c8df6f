package webhook

import "sync"

// room bounds how many deliveries are held in memory at once, and how large they are together: nobody has been verified yet when a body is read.
type room struct {
	mu     sync.Mutex
	places int
	bytes  int64
}

// enter takes a place and size bytes. leave gives them back.
func (r *room) enter(size int64) (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.places == 0 || r.bytes < size {
		return nil, false
	}
	r.places--
	r.bytes -= size
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.places++
		r.bytes += size
	}, true
}
