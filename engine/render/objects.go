package render

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"weak"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/slipway-cd/slipway/engine/object"
)

// shelf has the objects that somebody still holds, by the sum of their JSON: most that a render yields is what another yielded. They are
// shared and must not be changed. It holds none itself.
type shelf struct {
	mu    sync.Mutex
	held  map[[sha256.Size]byte]weak.Pointer[unstructured.Unstructured]
	sweep int // how many there may be before those that are gone are swept out
}

// decode reads the objects that a worker wrote, and gives their digest: see object.Set.
func (s *shelf) decode(list []written, blob []byte) ([]object.Object, string, error) {
	out := make([]object.Object, 0, len(list))
	sums := make(map[*unstructured.Unstructured][sha256.Size]byte, len(list))
	for _, w := range list {
		if w.Size < 0 || w.Size > len(blob) {
			return nil, "", errors.New("a render worker sent objects that end too early")
		}
		sum := sha256.Sum256(blob[:w.Size])
		u, err := s.object(sum, blob[:w.Size])
		if err != nil {
			return nil, "", fmt.Errorf("reading an object from a render worker: %w", err)
		}
		blob = blob[w.Size:]
		sums[u] = sum
		out = append(out, object.Object{Unstructured: u, Place: w.Place})
	}
	set := object.NewSet(out...).All() // of two that are one object, the last counts
	kept := make([][sha256.Size]byte, 0, len(set))
	for _, o := range set {
		kept = append(kept, sums[o.Unstructured])
	}
	return out, object.DigestOf(kept), nil
}

func (s *shelf) object(sum [sha256.Size]byte, text []byte) (*unstructured.Unstructured, error) {
	s.mu.Lock()
	u := s.held[sum].Value()
	s.mu.Unlock()
	if u != nil {
		return u, nil
	}
	var m map[string]any
	if err := utiljson.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	u = &unstructured.Unstructured{Object: m}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(sum, u)
	return u, nil
}

// keep notes an object, and now and then forgets those that are gone.
func (s *shelf) keep(sum [sha256.Size]byte, u *unstructured.Unstructured) {
	const few = 1024
	if s.held == nil {
		s.held, s.sweep = map[[sha256.Size]byte]weak.Pointer[unstructured.Unstructured]{}, few
	}
	if len(s.held) >= s.sweep {
		for k, p := range s.held {
			if p.Value() == nil {
				delete(s.held, k)
			}
		}
		s.sweep = max(few, 2*len(s.held))
	}
	s.held[sum] = weak.Make(u)
}
