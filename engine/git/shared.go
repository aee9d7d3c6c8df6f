package git

import (
	"context"
	"slices"
)

// fetching is a conversation that others may wait for. What it brings is as of a moment after started was set: whoever asks later
// takes no part in it.
type fetching struct {
	done    chan struct{}
	specs   []string // of all who take part, where they differ
	started bool
	err     error
}

func newFetching(specs []string) *fetching {
	return &fetching{done: make(chan struct{}), specs: specs}
}

// mostTogether refs are asked for in one conversation of several callers.
const mostTogether = 200

// share has callers at the same time share one conversation, but never one that began before they called. Whoever comes first carries it
// out. If it fails, each tries alone: another's credential, patience or ref may have been at fault.
func (m *Mirror) share(ctx context.Context, slot **fetching, specs []string, talk func(*fetching) error) error {
	f, mine := m.join(slot, specs)
	if !mine {
		select {
		case <-f.done:
			if f.err == nil {
				return nil
			}
			return talk(newFetching(specs))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	f.err = talk(f)
	m.leave(slot, f)
	close(f.done)
	if f.err != nil && len(f.specs) > len(specs) && ctx.Err() == nil {
		return talk(newFetching(specs))
	}
	return f.err
}

// join yields a conversation that has not begun, and whether the caller is the one to carry it out.
func (m *Mirror) join(slot **fetching, specs []string) (f *fetching, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f = *slot; f != nil && !f.started && len(f.specs)+len(specs) <= mostTogether {
		for _, spec := range specs {
			if !slices.Contains(f.specs, spec) {
				f.specs = append(f.specs, spec)
			}
		}
		return f, false
	}
	*slot = newFetching(slices.Clone(specs))
	return *slot, true
}

func (m *Mirror) leave(slot **fetching, f *fetching) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *slot == f {
		*slot = nil
	}
}

// begin closes a conversation to newcomers, and yields what it is to bring. Doing it again changes nothing.
func (m *Mirror) begin(f *fetching) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.started = true
	return f.specs
}
