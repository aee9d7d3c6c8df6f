package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// checkout is a repository on a branch with a slash in its name, and one commit ahead of it. One application follows the branch, one
// is pinned to a tag.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	application := func(name, revision string) {
		write("apps/"+name+".yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: "+name+", namespace: argocd}\n"+
			"spec: {project: default, source: {repoURL: '"+shopURL+"', path: web, targetRevision: "+revision+"}, destination: {name: in-cluster, namespace: web}}\n")
	}
	run("init", "-q", "-b", "release/1.2")
	run("remote", "add", "upstream", shopURL)
	application("web", "release/1.2")
	application("old", "v1.0")
	write("web/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n")
	run("add", "-A")
	run("commit", "-q", "-m", "base")
	run("update-ref", "refs/remotes/upstream/release/1.2", "HEAD")
	run("checkout", "-q", "-b", "feature")
	write("web/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: red}\n")
	run("commit", "-q", "-a", "-m", "red")
	return dir
}

// invoke runs a command line.
func invoke(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(&said)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	var exit exitCode
	if err != nil && !errors.As(err, &exit) {
		said.WriteString(err.Error())
	}
	return out.String(), said.String(), status(err)
}

func TestDiffAgainstABranchWithASlash(t *testing.T) {
	dir := checkout(t)
	for _, base := range []string{"release/1.2", "refs/heads/release/1.2", "upstream/release/1.2"} {
		out, said, code := invoke(t, "diff", "-C", dir, base, "--output", "plain")
		if code != 0 || said != "" || !strings.Contains(out, "+  colour: red") || !strings.Contains(out, "Unchanged: 1 application") {
			t.Errorf("%s: exit code %d\n%s%s", base, code, out, said)
		}
	}
}

func TestDiffAgainstABranchThatNothingFollows(t *testing.T) {
	out, said, code := invoke(t, "diff", "-C", checkout(t), "release/1.2", "--branch", "main", "--output", "plain")
	if code != 0 || !strings.Contains(said, "no application follows main") || !strings.Contains(out, "Unchanged: 2 applications") {
		t.Errorf("exit code %d\n%s%s", code, out, said)
	}
}

func TestDiffRefusesAnUnknownOutput(t *testing.T) {
	if out, said, code := invoke(t, "diff", "main", "--output", "html"); code != 2 || !strings.Contains(said, "html") {
		t.Errorf("exit code %d\n%s%s", code, out, said)
	}
}

func TestBranchOf(t *testing.T) {
	remotes := []git.Remote{{Name: "origin"}, {Name: "fork"}}
	for revision, want := range map[string]string{
		"main": "main", "origin/main": "main", "refs/remotes/fork/feature/x": "feature/x", "refs/heads/release/1.2": "release/1.2", "other/main": "other/main",
	} {
		if got := branchOf(revision, remotes); got != want {
			t.Errorf("%s is the branch %q", revision, got)
		}
	}
}

func TestDiffGuards(t *testing.T) {
	dir := checkout(t)
	commit := func(branch string, files map[string]string) {
		t.Helper()
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"checkout", "-q", branch}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "x"}} {
			cmd := exec.Command("git", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
	}
	commit("release/1.2", map[string]string{".slipway.yaml": "rules:\n  - {name: no-red, message: not that colour, expression: \"!has(object.data) || object.data.colour != 'red'\"}\n"})
	commit("feature", map[string]string{"web/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata:\n  port: 80\n---\n" +
		"apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: nightly}\nspec: {}\n"})
	finds := []string{"data.port: must be a string, and is an integer (web/more.yaml:5)", "not that colour", "batch/v1beta1 CronJob is gone since Kubernetes 1.25"}
	for flags, c := range map[string]struct {
		code  int
		finds bool
	}{"": {1, true}, "--guards=local": {1, true}, "--guards": {1, true}, "--guards=none": {0, false}} {
		args := []string{"diff", "-C", dir, "release/1.2", "--offline", "--output", "plain"}
		if flags != "" {
			args = append(args, flags)
		}
		out, said, code := invoke(t, args...)
		if code != c.code {
			t.Errorf("%q: exit code %d\n%s%s", flags, code, out, said)
		}
		for _, text := range finds {
			if strings.Contains(out, text) != c.finds {
				t.Errorf("%q: %q is found: %v\n%s", flags, text, !c.finds, out)
			}
		}
	}
	if _, said, code := invoke(t, "diff", "-C", dir, "release/1.2", "--guards=some"); code != 2 || !strings.Contains(said, "local or none") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if out, _, code := invoke(t, "diff", "-C", dir, "release/1.2", "--offline", "--output", "plain", "--kube-version", "v1.20.0"); code != 0 || strings.Contains(out, "gone since") {
		t.Errorf("an older release: exit code %d\n%s", code, out)
	}
}
