package cluster

import (
	"slices"
	"sync"
	"time"
	"weak"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// store keeps the records of one kind in one namespace, or in all. It is filled by one feed and read by many.
type store struct {
	*recorder
	// news is called, without a lock held, when something changes that matters to an application: its name and the record. The first
	// filling of a store is no news.
	news func(app string, o *record)
	// touched, if not nil, is called when any object comes, goes or changes after the first filling.
	touched func()
	// moved, if not nil, is called when an object comes, goes, or belongs to somebody else than before.
	moved func()
	// gone, if not nil, is called with the last form of an object of which the server says that it was deleted.
	gone func(u *unstructured.Unstructured)

	mu    sync.RWMutex
	all   map[string]kept
	byApp map[string]map[string]struct{} // keys in all
	asked map[string]time.Time           // keys of objects that are kept although nobody tracks them
	full  bool                           // it has been filled
}

// put takes over what the server says of one object.
func (s *store) put(u *unstructured.Unstructured) error {
	s.mu.RLock()
	_, asked := s.asked[keyOf(u.GetNamespace(), u.GetName())]
	s.mu.RUnlock()
	o, err := s.record(u, asked)
	if err != nil {
		return err
	}
	s.mu.Lock()
	before := s.set(o)
	if o.packed != nil {
		s.all[o.key()] = kept{o, weak.Make(u)}
	}
	s.mu.Unlock()
	s.tell(before, o)
	return nil
}

// set puts a record in its place and gives the one that was there.
func (s *store) set(o *record) (before *record) {
	if s.all == nil {
		s.all, s.byApp = map[string]kept{}, map[string]map[string]struct{}{}
	}
	before = s.unset(o.key())
	s.all[o.key()] = kept{record: o}
	if o.app != "" {
		if s.byApp[o.app] == nil {
			s.byApp[o.app] = map[string]struct{}{}
		}
		s.byApp[o.app][o.key()] = struct{}{}
	}
	return before
}

func (s *store) unset(key string) *record {
	o, ok := s.all[key]
	if !ok {
		return nil
	}
	delete(s.all, key)
	if of := s.byApp[o.app]; of != nil {
		delete(of, key)
		if len(of) == 0 {
			delete(s.byApp, o.app)
		}
	}
	return o.record
}

// remove forgets an object that is gone.
func (s *store) remove(u *unstructured.Unstructured) {
	if s.gone != nil {
		s.gone(u)
	}
	s.mu.Lock()
	gone := s.unset(keyOf(u.GetNamespace(), u.GetName()))
	s.mu.Unlock()
	if gone != nil {
		s.tell(gone, nil)
	}
}

// replace takes over a whole listing. What it does not have is gone.
func (s *store) replace(listing map[string]*record) {
	type change struct{ before, after *record }
	var changes []change
	s.mu.Lock()
	first := !s.full
	s.full = true
	for key, o := range s.all {
		if listing[key] == nil {
			s.unset(key)
			changes = append(changes, change{o.record, nil})
		}
	}
	for _, o := range listing {
		changes = append(changes, change{s.set(o), o})
	}
	s.mu.Unlock()
	if first {
		return
	}
	for _, c := range changes {
		s.tell(c.before, c.after)
	}
}

// tell tells each application that tracks one of the forms of an object, once, if the forms differ in content or health.
func (s *store) tell(before, after *record) {
	if s.touched != nil && (before == nil || after == nil || before.version != after.version) {
		s.touched()
	}
	if s.moved != nil && (before == nil || after == nil || before.app != after.app || !slices.Equal(before.owners, after.owners)) {
		s.moved()
	}
	if before != nil && after != nil && (before.version == after.version || before.app == after.app && before.uid == after.uid &&
		before.sum == after.sum && before.judged == after.judged && before.health == after.health) {
		return
	}
	if before != nil && before.app != "" && (after == nil || before.app != after.app) {
		s.news(before.app, before)
	}
	if after != nil && after.app != "" {
		s.news(after.app, after)
	}
}

// find is the record of a name; nil if there is none.
func (s *store) find(key string) *record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.all[key].record
}

// of are the records that an application tracks.
func (s *store) of(app string) []*record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*record, 0, len(s.byApp[app]))
	for key := range s.byApp[app] {
		out = append(out, s.all[key].record)
	}
	return out
}

// each calls f with every record of a namespace; empty is all.
func (s *store) each(namespace string, f func(*record)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, o := range s.all {
		if namespace == "" || o.namespace == namespace {
			f(o.record)
		}
	}
}

// object is the object of a record that has one.
func (s *store) object(o *record) (*unstructured.Unstructured, error) {
	s.mu.RLock()
	at := s.all[o.key()]
	s.mu.RUnlock()
	if at.record == o {
		if u := at.object.Value(); u != nil {
			return u, nil
		}
	}
	u, err := s.unpack(o)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[o.key()].record == o {
		s.all[o.key()] = kept{o, weak.Make(u)}
	}
	return u, nil
}

// ask keeps an object that was read because somebody wants it, and from now on what the server says of it.
func (s *store) ask(u *unstructured.Unstructured, now time.Time) error {
	o, err := s.record(u, true)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[string]time.Time{}
	}
	s.asked[o.key()] = now
	if at, ok := s.all[o.key()]; ok && !older(o.version, at.version) && at.uid == o.uid {
		s.set(o)
	}
	return nil
}

// wanted notes that an object that is kept on request was wanted again.
func (s *store) wanted(key string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.asked[key]; ok {
		s.asked[key] = now
	}
}

// forgetAsked lets go of the objects that nobody has asked for since.
func (s *store) forgetAsked(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, at := range s.asked {
		if at.After(since) {
			continue
		}
		delete(s.asked, key)
		if o, ok := s.all[key]; ok && o.app == "" && o.script == nil {
			small := *o.record
			small.packed = nil
			s.all[key] = kept{record: &small}
		}
	}
}
