package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Set is a collection of objects without repeats. As in Argo CD, of two objects with one identity the later wins.
type Set struct {
	objects  []Object
	index    map[ID]int
	repeated []ID
}

// NewSet collects objects in order.
func NewSet(objects ...Object) *Set {
	s := &Set{index: make(map[ID]int, len(objects))}
	for _, o := range objects {
		s.Add(o)
	}
	return s
}

// Add puts o into the set, in the place of an earlier object of the same identity. An object without a name (it has
// generateName) is never a repeat.
func (s *Set) Add(o Object) {
	id := o.ID()
	if i, ok := s.index[id]; ok && id.Name != "" {
		s.objects[i] = o
		s.repeated = append(s.repeated, id)
		return
	}
	s.index[id] = len(s.objects)
	s.objects = append(s.objects, o)
}

// All are the objects in the order they were added. The slice is the set's own; do not change it.
func (s *Set) All() []Object {
	if s == nil {
		return nil
	}
	return s.objects
}

// Len is the number of objects.
func (s *Set) Len() int { return len(s.All()) }

// Find is the object of an identity.
func (s *Set) Find(id ID) (Object, bool) {
	if s == nil {
		return Object{}, false
	}
	i, ok := s.index[id]
	if !ok {
		return Object{}, false
	}
	return s.objects[i], true
}

// Repeated are the identities that were added more than once.
func (s *Set) Repeated() []ID {
	if s == nil {
		return nil
	}
	return s.repeated
}

// Digest is a SHA-256 over the content of all objects, in hex. It does not depend on the order in which objects were
// added nor on how they were written, only on what they say.
func (s *Set) Digest() string {
	sums := make([][sha256.Size]byte, 0, s.Len())
	for _, o := range s.All() {
		b, err := json.Marshal(o.Unstructured.Object) // maps are marshalled with sorted keys
		if err != nil {
			// Decoded YAML and JSON can always be marshalled again; should it not be so, the object differs from all others.
			b = fmt.Appendf(nil, "%p", o.Unstructured)
		}
		sums = append(sums, sha256.Sum256(b))
	}
	return DigestOf(sums)
}

// DigestOf is the Digest of a set whose objects, as JSON with sorted keys, have these sums, for whoever has that JSON at hand. It sorts
// them.
func DigestOf(sums [][sha256.Size]byte) string {
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, s := range sums {
		h.Write([]byte(hex.EncodeToString(s[:])))
	}
	return hex.EncodeToString(h.Sum(nil))
}
