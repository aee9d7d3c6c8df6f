package render_test

import (
	"fmt"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/render"
)

// TestWorkersAreGivenEachFileOnce renders a chart again and again, after a change, and after its worker was told to forget.
func TestWorkersAreGivenEachFileOnce(t *testing.T) {
	r := renderer(t, render.Options{Workers: 1})
	p, tree := newRepo(t, webChart)
	n := 0
	rendered := func(change map[string]string) (digest string, given int) {
		if change != nil {
			tree = p.commit(change)
		}
		req := request(tree, argo.ApplicationSource{Path: "chart"})
		n++
		req.Name, req.Release = fmt.Sprintf("app-%d", n), "web" // past the cache
		return run(t, r, req).Digest, r.Given()
	}
	first, given := rendered(nil)
	if given < len(webChart)-1 {
		t.Fatalf("the worker was given %d files of %d", given, len(webChart))
	}
	if again, files := rendered(nil); again != first || files != given {
		t.Errorf("again: %s, %d files; first %s, %d", again, files, first, given)
	}
	changed, files := rendered(map[string]string{"chart/templates/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"})
	if changed == first || files != given+1 {
		t.Errorf("with a template more: %s, %d files; before %s, %d", changed, files, first, given)
	}
	r.Overfill()
	if after, files := rendered(nil); after != changed || files != given+1 {
		t.Errorf("after it forgot: %s, %d files; before %s, %d", after, files, changed, given+1)
	}
}
