package kustomize_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// TestRemotesAreReadAsKustomizeReadsThem has its expectations from kustomize's documentation of remote targets and from what the
// command hands to git.
func TestRemotesAreReadAsKustomizeReadsThem(t *testing.T) {
	type remote struct{ url, dir, ref string }
	for entry, want := range map[string]remote{
		"https://github.com/org/repo//path/to/base?ref=v1.0.6":          {"https://github.com/org/repo", "path/to/base", "v1.0.6"},
		"https://github.com/org/repo/path/to/base?ref=v1":               {"https://github.com/org/repo", "path/to/base", "v1"},
		"https://github.com/org/repo.git/path?ref=v1":                   {"https://github.com/org/repo.git", "path", "v1"},
		"https://github.com/org/repo":                                   {"https://github.com/org/repo", ".", ""},
		"github.com/org/repo/path?ref=v1":                               {"https://github.com/org/repo", "path", "v1"},
		"GitHub.com/org/repo":                                           {"https://github.com/org/repo", ".", ""},
		"github.com:org/repo//base":                                     {"https://github.com/org/repo", "base", ""},
		"http://github.com/org/repo":                                    {"https://github.com/org/repo", ".", ""},
		"git@github.com:org/repo.git//base":                             {"git@github.com:org/repo.git", "base", ""},
		"git@github.com/org/repo":                                       {"git@github.com:org/repo", ".", ""},
		"org-12345@github.com:org/repo":                                 {"org-12345@github.com:org/repo", ".", ""},
		"ssh://git@github.com/org/repo/base?ref=v1":                     {"git@github.com:org/repo", "base", "v1"},
		"git::https://gitlab.com/group/repo//base?ref=v1":               {"https://gitlab.com/group/repo", "base", "v1"},
		"git::git@gitlab.com:group/sub/repo.git//base":                  {"git@gitlab.com:group/sub/repo.git", "base", ""},
		"https://gitlab.com/group/sub/repo.git/base":                    {"https://gitlab.com/group/sub/repo.git", "base", ""},
		"https://gitlab.com/group/sub/repo//base":                       {"https://gitlab.com/group/sub/repo", "base", ""},
		"https://gitlab.com/group/repo/base":                            {"https://gitlab.com/group/repo", "base", ""},
		"ssh://git.example.com:7999/org/repo.git?ref=v1":                {"ssh://git.example.com:7999/org/repo.git", ".", "v1"},
		"git@git.example.com:org/repo/base":                             {"git@git.example.com:org/repo", "base", ""},
		"https://user@dev.azure.com/org/project/_git/repo/path/to/base": {"https://user@dev.azure.com/org/project/_git/repo", "path/to/base", ""},
		"https://dev.azure.com/org/project/_git/repo//base":             {"https://dev.azure.com/org/project/_git/repo", "base", ""},
		"https://org.visualstudio.com/project/_git/repo?version=v1":     {"https://org.visualstudio.com/project/_git/repo", ".", "v1"},
		"https://git-codecommit.us-east-2.amazonaws.com/v1/repos/x":     {"https://git-codecommit.us-east-2.amazonaws.com/v1/repos", "x", ""},
		"https://host.example/org/repo?version=v1&ref=v2":               {"https://host.example/org/repo", ".", "v2"},
		"https://host.example/org/repo//a/../b":                         {"https://host.example/org/repo", "b", ""},
		"file:///srv/git/repo//base":                                    {"file:///srv/git/repo", "base", ""},
		"file:///srv/git/repo":                                          {"file:///srv/git/repo", ".", ""},
		"HTTPS://host.example/org/repo":                                 {"https://host.example/org/repo", ".", ""},
	} {
		got, ok := kustomize.ParseRemote(entry)
		if diff := cmp.Diff(want, remote{got.URL, got.Dir, got.Ref}, cmp.AllowUnexported(remote{})); !ok || diff != "" {
			t.Errorf("%s: %v\n%s", entry, ok, diff)
		}
	}
	for _, entry := range []string{"", "base", "../base", "/srv/base", "a/b/c", "host.example/org/repo", "https://host.example", "https://host.example/repo",
		"https://host.example/org/repo//../x", "https://github.com/org/repo/../../x", "gh:org/repo", "s3://bucket/key", "git://host.example/org/repo",
		"https:///org/repo", "ssh://git@host.example", "deploy.yaml", "user@host"} {
		if got, ok := kustomize.ParseRemote(entry); ok {
			t.Errorf("%s was taken for %+v", entry, got)
		}
	}
}

func TestRemotesSayHowTheyAreCloned(t *testing.T) {
	for query, want := range map[string]kustomize.Remote{
		"":                          {Submodules: true, Timeout: 27 * time.Second},
		"?submodules=false":         {Timeout: 27 * time.Second},
		"?submodules=0&timeout=61":  {Timeout: 61 * time.Second},
		"?timeout=1m&submodules=no": {Submodules: true, Timeout: time.Minute},
		"?timeout=-1s":              {Submodules: true, Timeout: 27 * time.Second},
		"?ref=%zz":                  {Submodules: true, Timeout: 27 * time.Second},
	} {
		want.URL, want.Dir = "https://host.example/org/repo", "."
		got, ok := kustomize.ParseRemote("https://host.example/org/repo" + query)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%q: %v\n%s", query, ok, diff)
		}
	}
}

func FuzzParseRemote(f *testing.F) {
	for _, entry := range []string{"https://github.com/org/repo//a?ref=v1", "git@host:org/repo", "git::ssh://x@y/_git/z", "file:///x//../y", "github.com:/", "a@b:c/d.git/../.."} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		r, ok := kustomize.ParseRemote(entry)
		if !ok {
			return
		}
		if r.URL == "" || strings.HasPrefix(r.URL, "-") || strings.HasPrefix(r.URL, "/") {
			t.Errorf("%q: git would be given %q", entry, r.URL)
		}
		if !strings.Contains(r.Dir, "\\") && (strings.HasPrefix(r.Dir, "/") || r.Dir == ".." || strings.HasPrefix(r.Dir, "../") || !fs.ValidPath(strings.ToValidUTF8(r.Dir, "?"))) {
			t.Errorf("%q: the folder %q lies outside of the repository", entry, r.Dir)
		}
	})
}
