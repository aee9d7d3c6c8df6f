package kustomize

import (
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Remote is a folder of a git repository, as an entry of a kustomization names it.
type Remote struct {
	URL        string // for git
	Dir        string // from the repository's root, "." for the root itself
	Ref        string // a branch, tag or commit; empty for the default branch
	Submodules bool   // unless the entry says that they are not needed
	Timeout    time.Duration
}

// Shown is the remote for people, without a user of the web.
func (r Remote) Shown() string {
	s := secretless(r.URL)
	if r.Dir != "." {
		s += "//" + r.Dir
	}
	if r.Ref != "" {
		s += "?ref=" + r.Ref
	}
	return s
}

// The schemes of git that kustomize knows, in the order in which they are looked for.
var schemes = []string{"ssh://", "https://", "http://", "file://"}

var userName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

// ParseRemote reads an entry as kustomize does: "https://host/org/repo//path?ref=v1", "github.com/org/repo/path", "git@host:org/repo",
// "ssh://git@host/org/repo.git/path", "git::https://...", Azure's "https://host/org/project/_git/repo/path". Where nothing marks the
// repository's end (two slashes, .git, _git), its name is the first two parts of the path. Not ok: the entry names no repository, but
// a file or folder.
func ParseRemote(entry string) (r Remote, ok bool) {
	if path.IsAbs(entry) || entry == "" {
		return Remote{}, false
	}
	rest, query, _ := strings.Cut(entry, "?")
	r.question(query)
	host, rest, ok := splitHost(rest)
	if !ok {
		return Remote{}, false
	}
	repository, dir, ok := splitPath(rest, strings.HasPrefix(host, "file://"))
	if !ok || repository == "" {
		return Remote{}, false
	}
	dir = path.Clean(strings.TrimPrefix(dir, "/"))
	if dir == ".." || strings.HasPrefix(dir, "../") {
		return Remote{}, false
	}
	r.URL, r.Dir = host+repository, strings.TrimPrefix(dir, "/")
	if r.Dir == "" {
		r.Dir = "."
	}
	return r, true
}

// defaultTimeout is how long kustomize lets git work where the entry says nothing.
const defaultTimeout = 27 * time.Second

// question reads what an entry says after its question mark. What cannot be read is passed over, as kustomize does.
func (r *Remote) question(query string) {
	r.Submodules, r.Timeout = true, defaultTimeout
	values, err := url.ParseQuery(query)
	if err != nil {
		return
	}
	r.Ref = values.Get("version")
	if ref := values.Get("ref"); ref != "" {
		r.Ref = ref
	}
	if on, err := strconv.ParseBool(values.Get("submodules")); err == nil {
		r.Submodules = on
	}
	text := values.Get("timeout")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 && seconds < 1<<30 {
		r.Timeout = time.Duration(seconds) * time.Second
	} else if d, err := time.ParseDuration(text); err == nil && d > 0 {
		r.Timeout = d
	}
}

// splitHost takes scheme, user and host off, and puts GitHub's into the form that kustomize gives to git.
func splitHost(entry string) (host, rest string, ok bool) {
	entry = cutFold(entry, "git::")
	scheme := ""
	for _, s := range schemes {
		if rest := cutFold(entry, s); rest != entry {
			scheme, entry = s, rest
			break
		}
	}
	if scheme == "file://" {
		return scheme, entry, true
	}
	user := userName.FindString(entry)
	entry = entry[len(user):]
	lower := strings.ToLower(entry)
	github := strings.HasPrefix(lower, "github.com/") || strings.HasPrefix(lower, "github.com:")
	short := scheme == "" && (user != "" || github) // "user@host:path"
	if scheme == "" && !short {
		return "", "", false
	}
	end := strings.IndexByte(entry, '/')
	if colon := strings.IndexByte(entry, ':'); short && (end < 0 || (colon > 0 && colon < end)) {
		end = colon
	}
	if end >= 0 {
		host, rest = entry[:end+1], entry[end+1:]
	} else {
		host = entry
	}
	switch {
	case strings.Trim(host, "/:") == "":
		return "", "", false
	case !github:
		return scheme + user + host, rest, true
	case scheme == "ssh://" && user == "":
		return "git@github.com:", rest, true // nobody else has an account there
	case scheme == "ssh://" || user != "":
		return user + "github.com:", rest, true
	}
	return "https://github.com/", rest, true
}

// cutFold cuts a prefix off, in whatever case it is written.
func cutFold(s, prefix string) string {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):]
	}
	return s
}

// splitPath parts the repository from the folder in it.
func splitPath(p string, local bool) (repository, dir string, ok bool) {
	if i := strings.Index(p, "_git/"); i >= 0 {
		name, dir, _ := strings.Cut(p[i+len("_git/"):], "/")
		return p[:i] + "_git/" + name, dir, true
	}
	if repository, dir, ok := strings.Cut(p, "//"); ok {
		return repository, dir, true
	}
	if i := strings.Index(p, ".git"); i >= 0 {
		return p[:i+len(".git")], p[i+len(".git"):], true
	}
	if local {
		return p, "", true
	}
	parts := strings.SplitN(p, "/", 3)
	if len(parts) < 2 {
		return "", "", false
	}
	if len(parts) == 3 {
		dir = parts[2]
	}
	return parts[0] + "/" + parts[1], dir, true
}

// web is whether an entry names a file by an address of the web.
func web(entry string) bool {
	u, err := url.Parse(entry)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https")
}

// reading is how an address is to be read, as its form tells.
type reading int

const (
	asFile  reading = iota // first; it may be a repository
	asGit                  // first; it may be a file
	onlyGit                // nothing else has this form
)

// form is how an address of the web that could be a repository's is read. Kustomize asks for a file first whatever the form; where the
// form leaves no doubt, that question is saved, and what is said of a repository that is not there is not lost for it.
func (r Remote) form(entry string) reading {
	before, query, _ := strings.Cut(entry, "?")
	_, p, _ := strings.Cut(before, "://")
	for _, ext := range []string{".yaml", ".yml", ".json"} {
		if strings.HasSuffix(strings.ToLower(p), ext) {
			return asFile
		}
	}
	if strings.Contains(p, "//") || strings.Contains(p, ".git") || strings.Contains(p, "_git/") {
		return onlyGit
	}
	if kind, _, _ := strings.Cut(r.Dir, "/"); strings.HasPrefix(r.URL, "https://github.com/") && kind != "raw" && kind != "releases" && kind != "archive" {
		return onlyGit
	}
	if query != "" && r.Ref != "" {
		return asGit
	}
	return asFile
}
