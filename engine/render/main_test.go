package render_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
)

// TestMain makes the test binary its own worker.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "render-worker" {
		if err := render.Worker(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if instead(os.Args[1:]) {
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func renderer(t testing.TB, opt render.Options) *render.Renderer {
	t.Helper()
	opt.Command = []string{os.Args[0], "render-worker"}
	r, err := render.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// repo is a real repository with a checkout on disk, which the oracles read.
type repo struct {
	t    testing.TB
	dir  string
	repo *git.Repository
}

func newRepo(t testing.TB, files map[string]string) (*repo, *git.Tree) {
	t.Helper()
	r := &repo{t: t, dir: t.TempDir()}
	r.git("init", "-q", "-b", "main")
	opened, err := git.OpenCheckout(t.Context(), r.dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.repo = opened
	return r, r.commit(files)
}

// commit writes files and yields the new tree. "" removes, "-> target" is a symbolic link.
func (r *repo) commit(files map[string]string) *git.Tree {
	r.t.Helper()
	for name, content := range files {
		p := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			r.t.Fatal(err)
		}
		_ = os.Remove(p)
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, p)
		} else if content != "" {
			err = os.WriteFile(p, []byte(content), 0o644)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", "change")
	h := git.Hash(strings.TrimSpace(r.git("rev-parse", "HEAD")))
	tree, err := r.repo.Tree(r.t.Context(), h)
	if err != nil {
		r.t.Fatal(err)
	}
	return tree
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func request(tree *git.Tree, source argo.ApplicationSource) render.Request {
	return render.Request{Name: "web", Namespace: "shop", Project: "default", Source: source, Revision: string(tree.Commit()), Tree: tree,
		KubeVersion: "1.31.4", Trusted: true}
}

// run renders and expects neither an error nor a fault.
func run(t testing.TB, r *render.Renderer, req render.Request) render.Result {
	t.Helper()
	got, err := r.Render(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fault != nil {
		t.Fatalf("fault: %v", got.Fault)
	}
	return got
}

// fails renders and expects a fault.
func fails(t testing.TB, r *render.Renderer, req render.Request) *object.Fault {
	t.Helper()
	got, err := r.Render(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fault == nil {
		t.Fatalf("no fault, but %d objects", len(got.Objects))
	}
	return got.Fault
}

func ids(objects []object.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.ID().String())
	}
	return out
}
