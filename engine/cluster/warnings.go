package cluster

import (
	"context"
	"slices"
	"sync"
)

// warnings collects what the API server warns of during one call, such as a version that will go.
type warnings struct{}

type warningsKey struct{}

type collected struct {
	mu    sync.Mutex
	texts []string
}

func collectWarnings(ctx context.Context) (context.Context, *collected) {
	c := &collected{}
	return context.WithValue(ctx, warningsKey{}, c), c
}

// HandleWarningHeaderWithContext is called by the client for each warning of an answer.
func (warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	c, ok := ctx.Value(warningsKey{}).(*collected)
	if !ok || code != 299 || text == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.texts, text) {
		c.texts = append(c.texts, text)
	}
}

func (c *collected) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.texts)
}
