package change

import (
	"context"
	"log/slog"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/guard"
)

// shapes keeps the schemas that guards validate by, by the addresses of their documents: clusters of one version share them.
type shapes struct {
	mu  sync.Mutex
	all map[string]*described
}

// described is a document, read by whoever asks first.
type described struct {
	mu       sync.Mutex
	document *guard.Document
}

// shapesKept bounds the memory: the largest document takes a megabyte or two.
const shapesKept = 128

// of is the shape of a kind at a destination; the zero Shape where it cannot be had, which is not the pull request's fault.
func (s *shapes) of(ctx context.Context, q Questions, gvk schema.GroupVersionKind, log *slog.Logger) guard.Shape {
	address, read := q.OpenAPI(ctx, gvk.GroupVersion())
	if address == "" {
		return guard.Shape{}
	}
	d := s.at(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.document == nil {
		text, err := read(ctx)
		if err != nil {
			log.Warn("a schema cannot be read", "of", gvk.GroupVersion().String(), "error", err)
			return guard.Shape{}
		}
		if d.document, err = guard.ParseDocument(text); err != nil {
			log.Warn("a schema cannot be read", "of", gvk.GroupVersion().String(), "error", err)
			return guard.Shape{}
		}
	}
	shape, _ := d.document.Kind(gvk)
	return shape
}

func (s *shapes) at(address string) *described {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.all[address]; ok {
		return d
	}
	if s.all == nil || len(s.all) >= shapesKept {
		s.all = map[string]*described{}
	}
	d := &described{}
	s.all[address] = d
	return d
}
