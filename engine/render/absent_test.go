package render_test

import (
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/render"
)

func TestSubmodulesAndLFSAreWarnedOf(t *testing.T) {
	r := renderer(t, render.Options{})
	repo, _ := newRepo(t, map[string]string{
		"app/a.yaml":             cm("a"),
		"over/kustomization.yml": "resources:\n- ../vendor/base\n",
		"chart/Chart.yaml":       "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.yaml":      "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12\n",
		"chart/templates/a.yaml": cm("a"),
		"clean/a.yaml":           cm("a"),
	})
	for _, path := range []string{"app/lib", "vendor/base", "whole"} {
		repo.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+","+path)
	}
	repo.git("commit", "-q", "-m", "submodules")
	tree, err := repo.repo.Tree(t.Context(), git.Hash(strings.TrimSpace(repo.git("rev-parse", "HEAD"))))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"app":   "app/lib is a submodule",
		"over":  "vendor/base is a submodule",
		"whole": "whole is a submodule",
		"chart": "chart/values.yaml is kept by Git LFS",
		"clean": "",
	} {
		source := argo.ApplicationSource{Path: path}
		if path == "app" {
			source.Directory = &argo.ApplicationSourceDirectory{Recurse: true}
		}
		got, err := r.Render(t.Context(), request(tree, source))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		said := strings.Join(got.Warnings, "\n")
		if (want == "" && said != "") || !strings.Contains(said, want) {
			t.Errorf("%s: warned %q, want %q (fault %v)", path, said, want, got.Fault)
		}
	}
}
