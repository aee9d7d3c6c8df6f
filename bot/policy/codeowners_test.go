package policy_test

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
)

// owned is GitHub's own example of a CODEOWNERS, in short.
const owned = `
# the owners of everything else
*       @global-owner1 @global-owner2
*.js    @js-owner #inline comment
*.go docs@example.com
/build/logs/ @doctocat
docs/*  docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @logger
/apps/github @hubber
/apps/bare
with\\ space.txt @spacer
!never @nobody
src/[ab].c @nobody
deep/**/x @deep
deep/all/** @all
f?o @single
`

func TestCodeOwners(t *testing.T) {
	c, ok := policy.ParseCodeOwners([]byte(strings.ReplaceAll(owned, `\\`, `\`)))
	if !ok {
		t.Fatal("not read")
	}
	for file, want := range map[string]string{
		"README.md":           "@global-owner1 @global-owner2",
		"a/b/c.js":            "@js-owner",
		"main.go":             "docs@example.com",
		"build/logs/x/y":      "@logger",
		"x/build/logs":        "@logger",
		"build/other":         "@global-owner1 @global-owner2",
		"docs/a.md":           "@doctocat",
		"docs/build-app/a.md": "@doctocat",
		"x/docs/a":            "@global-owner1 @global-owner2",
		"x/apps/y":            "@octocat",
		"apps/github/z":       "@hubber",
		"apps/bare/z":         "",
		"scripts/a":           "@doctocat @octocat",
		"with space.txt":      "@spacer",
		"never":               "@global-owner1 @global-owner2",
		"src/a.c":             "@global-owner1 @global-owner2",
		"deep/x":              "@deep",
		"deep/a/b/x":          "@deep",
		"deep/all/y/z":        "@all",
		"foo":                 "@single",
		"fooo":                "@global-owner1 @global-owner2",
		"../etc/README.md":    "@global-owner1 @global-owner2",
	} {
		if got := strings.Join(c.Of(file), " "); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

func TestCodeOwnersInSections(t *testing.T) {
	c, _ := policy.ParseCodeOwners([]byte("* @all\n[Docs][2] @writers\ndocs/\n*.md @readme\n^[Optional]\ndocs/ @more\n[docs]\n*.txt @txt\n"))
	for file, want := range map[string]string{"x": "@all", "docs/x": "@all @writers @more", "docs/x.md": "@all @readme @more", "a.txt": "@all @txt"} {
		if got := strings.Join(c.Of(file), " "); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

func FuzzCodeOwners(f *testing.F) {
	f.Add(owned, "a/b.js")
	f.Add("[x] @a\n/**/ @b", "c")
	f.Fuzz(func(t *testing.T, content, file string) {
		c, _ := policy.ParseCodeOwners([]byte(content))
		for _, o := range c.Of(file) {
			if !strings.Contains(o, "@") {
				t.Errorf("%q is no owner", o)
			}
		}
	})
}
