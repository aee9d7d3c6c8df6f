package forgetest

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// git runs git with credentials in the environment and nothing of the machine's configuration.
func git(t *testing.T, w World, c forge.Credentials, dir string, args ...string) (string, error) {
	t.Helper()
	header := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_SSL_CAINFO="+w.CAFile, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0="+header,
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func gitReads(t *testing.T, w World) {
	_, head := pull(t, w)
	c := one(w.Forge.Credentials(t.Context(), w.Repository))(t)
	if !c.ExpiresAt.IsZero() && time.Until(c.ExpiresAt) < time.Minute {
		t.Errorf("the credentials end in %s", time.Until(c.ExpiresAt))
	}
	dir := filepath.Join(t.TempDir(), "clone")
	if out, err := git(t, w, c, "", "clone", "--quiet", w.Repository.CloneURL, dir); err != nil {
		t.Fatalf("cloning: %v\n%s", err, out)
	}
	if out, err := git(t, w, c, dir, "cat-file", "-t", head); err != nil || out != "commit" {
		t.Errorf("the head is not in the clone: %s", out)
	}
	if out, err := git(t, w, forge.Credentials{Username: c.Username, Password: "wrong"}, "", "ls-remote", w.Repository.CloneURL); err == nil {
		t.Errorf("a wrong password reads: %s", out)
	}
	if out, err := git(t, w, c, dir, "push", "origin", "HEAD:refs/heads/by-the-bot"); err == nil {
		t.Errorf("read-only credentials wrote: %s", out)
	}
}

func gitFetchesFork(t *testing.T, w World) {
	w.People.Grant(t, "mallory", forge.Read)
	number, head := w.People.Open(t, Pull{Author: "mallory", Title: "x", Branch: "x", Fork: true})
	c := one(w.Forge.Credentials(t.Context(), w.Repository))(t)
	dir := t.TempDir()
	if out, err := git(t, w, c, dir, "init", "--quiet"); err != nil {
		t.Fatal(out)
	}
	if out, err := git(t, w, c, dir, "fetch", "--quiet", w.Repository.CloneURL, w.Forge.HeadRef(number)); err != nil {
		t.Fatalf("fetching %s: %v\n%s", w.Forge.HeadRef(number), err, out)
	}
	out, err := git(t, w, c, dir, "rev-parse", "FETCH_HEAD")
	must(t, err)
	equal(t, "the head that was fetched", out, head)
	if w.Forge.MergeRef(number) == w.Forge.HeadRef(number) {
		t.Error("the ref of the test merge is the head's")
	}
}

func repositoryByID(t *testing.T, w World) {
	known := w.Repository
	known.DefaultBranch, known.CloneURL, known.Private = "", "", false
	r := one(w.Forge.Repository(t.Context(), known))(t)
	equal(t, "the repository", r, w.Repository)
	gone := known
	gone.ID += 1000
	if _, err := w.Forge.Repository(t.Context(), gone); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("a repository that is not there: %v", err)
	}
}

func installed(t *testing.T, w World) {
	all := one(w.Forge.Installed(t.Context()))(t)
	equal(t, "how many repositories are reached", len(all), 1)
	equal(t, "the repository", all[0], w.Repository)
}

func notFound(t *testing.T, w World) {
	_, err := w.Forge.PullRequest(t.Context(), w.Repository, 999)
	if !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("reading a pull request that is not there: %v", err)
	}
	_, err = w.Forge.CreateComment(t.Context(), w.Repository, 999, "x")
	if !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("commenting on a pull request that is not there: %v", err)
	}
	number, _ := pull(t, w)
	if err := w.Forge.EditComment(t.Context(), w.Repository, number, 999999, "x"); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("editing a comment that is not there: %v", err)
	}
}

func forbidden(t *testing.T, w World) {
	number, _ := pull(t, w)
	one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
	w.Faults.Forbid(t)
	if _, err := w.Forge.CreateComment(t.Context(), w.Repository, number, "x"); !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("without the permission: %v", err)
	}
}

func revoked(t *testing.T, w World) {
	number, _ := pull(t, w)
	w.Faults.Revoke(t)
	_, err := w.Forge.PullRequest(t.Context(), w.Repository, number)
	if !errors.Is(err, forge.ErrUnauthorized) && !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("reading: %v", err)
	}
	if _, err = w.Forge.CreateComment(t.Context(), w.Repository, number, "x"); !errors.Is(err, forge.ErrUnauthorized) && !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("commenting: %v", err)
	}
}

func rateLimited(t *testing.T, w World) {
	number, _ := pull(t, w)
	w.Faults.Limit(t, 90*time.Second)
	for _, call := range []func() error{
		func() error { _, err := w.Forge.PullRequest(t.Context(), w.Repository, number); return err },
		func() error { _, err := w.Forge.CreateComment(t.Context(), w.Repository, number, "x"); return err },
	} {
		err := call()
		var limited *forge.RateLimited
		if !errors.As(err, &limited) {
			t.Fatalf("under a rate limit: %v", err)
		}
		if limited.After < time.Minute || limited.After > 2*time.Minute {
			t.Errorf("the wait is %s, want about 90 s", limited.After)
		}
	}
}

func outage(t *testing.T, w World) {
	number, _ := pull(t, w)
	one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
	w.Faults.Break(t, 2)
	one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
}
