package change

import (
	"context"
	"fmt"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// Standing is a text that stays the same while an application's sources are at what they are at: the same commits, charts and artifacts,
// byte for byte. It looks at sources as Target does, and renders nothing.
func (p *Pipeline) Standing(ctx context.Context, r TargetRequest) (string, error) {
	sources := r.Sources
	if sources == nil {
		sources = r.App.Spec.SourceList()
	}
	trees, _, err := p.open(ctx, r, sources)
	if err != nil {
		return "", err
	}
	return standing(trees), nil
}

func standing(trees []*git.Tree) string {
	var b strings.Builder
	for _, t := range trees {
		fmt.Fprintf(&b, "%s %s\n", t.Revision(), t.Root())
	}
	return b.String()
}

// Sight is a number that stays the same while Compare would see the same of an application in its cluster that it wants these objects of:
// the same live objects, kinds and schemas. It asks no API server, and is not ok where what is cached cannot tell.
func (p *Pipeline) Sight(ctx context.Context, app *argo.Application, want []object.ID) (sum uint64, ok bool) {
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil || dest == nil {
		return 0, false
	}
	return dest.Sight(p.Instance(app), want, hints(app))
}
