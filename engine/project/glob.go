package project

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gobwas/glob"
)

func isDenial(pattern string) bool { return strings.HasPrefix(pattern, "!") }

// matchURL matches repositories: "*" alone matches all, "*" within a pattern stops at a slash and "**" crosses it. A pattern
// that is no glob matches nothing when it permits, and everything when it denies: a typing error never widens a project.
func matchURL(pattern, text string, denies bool) bool {
	if pattern == "*" {
		return true
	}
	g, err := glob.Compile(pattern, '/')
	if err != nil {
		return denies
	}
	return g.Match(text)
}

// matchWord matches names, API URLs and namespaces: "*" crosses anything and a leading "!" inverts. A pattern that is no glob
// matches nothing, and so does its denial, by which that denial hits.
func matchWord(pattern, text string) bool {
	pattern, inverted := strings.CutPrefix(pattern, "!")
	g, err := glob.Compile(pattern)
	if err != nil {
		return false
	}
	return g.Match(text) != inverted
}

// matchGlob is matchWord without inversion.
func matchGlob(pattern, text string) bool {
	return !isDenial(pattern) && matchWord(pattern, text)
}

// matchNamespace takes a glob, or a regular expression between slashes.
func matchNamespace(pattern, namespace string) bool {
	if len(pattern) > 1 && strings.HasPrefix(pattern, "/") && strings.HasSuffix(pattern, "/") {
		re, err := regexp.Compile(pattern[1 : len(pattern)-1])
		return err == nil && re.MatchString(namespace)
	}
	return matchGlob(pattern, namespace)
}

// MatchesNamespace says whether a namespace is among those that patterns name: globs, or regular expressions between slashes.
func MatchesNamespace(patterns []string, namespace string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchNamespace(p, namespace) })
}

// matchKind matches groups and kinds as filepath.Match does; a malformed pattern matches nothing.
func matchKind(pattern, text string) bool {
	ok, err := filepath.Match(pattern, text)
	return err == nil && ok
}

// normalizeURL makes the ways to write one repository's address alike: lower case, without ".git" and without a slash at
// the end, git@host:path as host/path of ssh.
func normalizeURL(url string) string {
	url = strings.ToLower(strings.TrimSpace(url))
	if rest, ok := strings.CutPrefix(url, "ssh://"); ok {
		url = rest
	} else if user, path, ok := strings.Cut(url, ":"); ok && strings.Contains(user, "@") && !strings.Contains(user, "/") {
		url = user + "/" + strings.TrimPrefix(path, "/")
	}
	return strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git")
}
