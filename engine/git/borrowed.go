package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// borrowedTimeout is how long a fetch by somebody's own git may take.
const borrowedTimeout = 5 * time.Minute

// FetchAsUser brings the branches and tags of a remote into the bare repository dir, which it makes, by the git of whoever runs us and as
// they have set it up: with their credentials, keys, proxies and rewritten URLs. It is for a laptop; a server has a Mirror, which trusts
// nothing of the machine. Only https and ssh are spoken, unless GIT_ALLOW_PROTOCOL says otherwise, and nobody is asked for a password.
// What it says of a failure has no credential that stands in a URL.
func FetchAsUser(ctx context.Context, url, dir string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, borrowedTimeout, fmt.Errorf("fetching %s took longer than %s", redactURL(url), borrowedTimeout))
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("fetching %s: %w", redactURL(url), err)
	}
	steps := [][]string{
		{"init", "--quiet", "--bare", "--", dir},
		{"--git-dir", dir, "fetch", "--quiet", "--force", "--prune", "--tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no",
			"--", url, "+refs/heads/*:refs/heads/*"},
	}
	for _, args := range steps {
		if _, err := asUser(ctx, args...); err != nil {
			return fmt.Errorf("fetching %s: %w", redactURL(url), err)
		}
	}
	out, err := asUser(ctx, "ls-remote", "--symref", "--", url, "HEAD")
	if err != nil {
		return fmt.Errorf("fetching %s: %w", redactURL(url), err)
	}
	if m := symref.FindStringSubmatch(out); m != nil {
		_, err = asUser(ctx, "--git-dir", dir, "symbolic-ref", "HEAD", m[1])
	}
	return err
}

var (
	symref  = regexp.MustCompile(`(?m)^ref: (refs/heads/\S+)\tHEAD$`)
	userURL = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/@\s]*@`)
)

// asUser runs the user's git with their environment, and yields what it printed.
func asUser(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	if os.Getenv("GIT_ALLOW_PROTOCOL") == "" {
		cmd.Env = append(cmd.Env, "GIT_ALLOW_PROTOCOL=https:ssh")
	}
	cmd.Dir = os.TempDir() // no repository's own configuration, hooks or attributes
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.String(), nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	said := strings.TrimSpace(userURL.ReplaceAllString(stderr.String(), "$1"))
	if said == "" {
		return "", err
	}
	return "", errors.New(said)
}
