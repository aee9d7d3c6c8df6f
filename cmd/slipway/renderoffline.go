package main

import (
	"context"
	"runtime/debug"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/render"
)

// offline tells charts the versions of a destination that cannot be asked.
type offline struct {
	next        change.Renderer
	kubeVersion string
	apiVersions []string // beside Kubernetes' own
}

// Render implements change.Renderer.
func (o offline) Render(ctx context.Context, req render.Request) (render.Result, error) {
	req.KubeVersion, req.APIVersions = o.kubeVersion, o.apiVersions
	return o.next.Render(ctx, req)
}

// libraryVersion is the Kubernetes version of the libraries in this program, which is what helm's releases take a cluster to be; the
// Helm library alone would take it to be one that most charts have left behind. It is empty where the program does not know.
func libraryVersion() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range build.Deps {
		if minor, ok := strings.CutPrefix(dep.Version, "v0."); ok && dep.Path == "k8s.io/client-go" {
			return "v1." + minor
		}
	}
	return ""
}
