package render_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/render"
	"golang.org/x/tools/txtar"
)

// archive is a test case of a renderer, as files below a folder.
func archive(b *testing.B, name, below string) map[string]string {
	b.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		b.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[filepath.Join(below, f.Name)] = string(f.Data)
	}
	return files
}

// warm renders again and again in a worker that has seen the same before, hand-over included, past the cache.
func warm(b *testing.B, files map[string]string, path string) {
	r := renderer(b, render.Options{Workers: 1})
	_, tree := newRepo(b, files)
	req := request(tree, argo.ApplicationSource{Path: path})
	run(b, r, req)
	n := 0
	for b.Loop() {
		n++
		req.Namespace = fmt.Sprintf("ns-%d", n)
		if run(b, r, req).Cached {
			b.Fatal("came from the cache")
		}
	}
}

func BenchmarkHelmWarm(b *testing.B) {
	warm(b, archive(b, "helm/testdata/plain.txtar", "chart"), "chart")
}

func BenchmarkKustomizeWarm(b *testing.B) {
	warm(b, archive(b, "kustomize/testdata/overlays.txtar", ""), "overlays/prod")
}

func BenchmarkDirectoryWarm(b *testing.B) {
	files := map[string]string{}
	for i := range 10 {
		files[fmt.Sprintf("app/%d.yaml", i)] = cm(fmt.Sprintf("cm-%d", i))
	}
	warm(b, files, "app")
}

func BenchmarkCached(b *testing.B) {
	r := renderer(b, render.Options{Workers: 1})
	_, tree := newRepo(b, webChart)
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	run(b, r, req)
	for b.Loop() {
		if !run(b, r, req).Cached {
			b.Fatal("did not come from the cache")
		}
	}
}

// BenchmarkChart renders a chart given by the environment, for trials on charts that are not in this repository.
func BenchmarkChart(b *testing.B) {
	dir := os.Getenv("SLIPWAY_BENCH_REPOSITORY")
	if dir == "" {
		b.Skip("SLIPWAY_BENCH_REPOSITORY names no checkout")
	}
	repo, err := git.OpenCheckout(b.Context(), dir, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	h, err := repo.Resolve(b.Context(), "HEAD")
	if err != nil {
		b.Fatal(err)
	}
	tree, err := repo.Tree(b.Context(), h)
	if err != nil {
		b.Fatal(err)
	}
	r := renderer(b, render.Options{Workers: 1})
	req := request(tree, argo.ApplicationSource{Path: os.Getenv("SLIPWAY_BENCH_PATH")})
	run(b, r, req)
	n := 0
	for b.Loop() {
		n++
		req.Namespace = fmt.Sprintf("ns-%d", n)
		run(b, r, req)
	}
}
