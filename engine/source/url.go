package source

import (
	"net/url"
	"regexp"
	"strings"
)

var scp = regexp.MustCompile(`^(?:[^@/\s]+@)?([^:/\s]+):([^/].*)$`)

// NormalizeURL is one spelling for all URLs of a repository: lower case, without user, ".git", default port and slash at the end;
// git@host:path is ssh://host/path. Two URLs mean the same repository if it is the same for both.
func NormalizeURL(raw string) string {
	s := strings.ToLower(strings.TrimSpace(raw))
	if !strings.Contains(s, "://") {
		if m := scp.FindStringSubmatch(s); m != nil {
			s = "ssh://" + m[1] + "/" + m[2]
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return tidy(s)
	}
	host := u.Host
	if (u.Scheme == "https" && u.Port() == "443") || (u.Scheme == "ssh" && u.Port() == "22") || (u.Scheme == "http" && u.Port() == "80") {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	out := strings.ToLower(u.Scheme + "://" + host + "/" + strings.TrimLeft(u.EscapedPath(), "/"))
	return tidy(out)
}

func tidy(s string) string {
	for {
		t := strings.TrimSuffix(strings.TrimRight(strings.TrimSpace(s), "/"), ".git")
		if t == s {
			return s
		}
		s = t
	}
}
