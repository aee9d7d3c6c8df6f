package git

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// remote is where a mirror fetches from, without any credential.
type remote struct {
	scheme string // "https" or "ssh"
	host   string // lower case, without port
	port   string // never empty
	user   string // ssh only
	path   string // as it is written, without leading slash
	key    string // the same for all spellings
	login  Credential
}

// Hosts and users have no character that git, ssh, its configuration or a shell reads as anything but itself.
var (
	hostForm = regexp.MustCompile(`^(?:[a-z0-9][a-z0-9.-]*|[0-9a-f:.]*:[0-9a-f:.]*)$`)
	userForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*$`)
)

var scpForm = regexp.MustCompile(`^(?:([A-Za-z0-9_][A-Za-z0-9_.-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*):([^/:].*)$`)

// parseRemote reads the URL of a remote. Whatever is neither https nor ssh is refused, and so is what git or ssh could take for
// an option.
func parseRemote(raw string) (remote, error) {
	if !strings.Contains(raw, "://") {
		m := scpForm.FindStringSubmatch(raw)
		if m == nil {
			return remote{}, fmt.Errorf("remote %q: %w: only https and ssh URLs are used", redactURL(raw), ErrRefused)
		}
		raw = "ssh://" + m[2] + "/" + m[3]
		if m[1] != "" {
			raw = "ssh://" + m[1] + "@" + m[2] + "/" + m[3]
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return remote{}, fmt.Errorf("remote: %w: the URL cannot be read", ErrRefused) // the parser's message may quote a password
	}
	r := remote{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Hostname()), port: u.Port(),
		path: strings.TrimLeft(u.EscapedPath(), "/")}
	switch {
	case r.scheme == "https":
		r.port = orDefault(r.port, "443")
		if u.User != nil {
			password, _ := u.User.Password()
			r.login = Credential{Username: u.User.Username(), Password: password}
		}
	case r.scheme == "ssh":
		r.port = orDefault(r.port, "22")
		r.user = orDefault(u.User.Username(), "git")
	default:
		return remote{}, fmt.Errorf("remote %q: %w: only https and ssh URLs are used", redactURL(raw), ErrRefused)
	}
	if !hostForm.MatchString(r.host) || r.path == "" || u.RawQuery != "" || u.Fragment != "" ||
		(r.scheme == "ssh" && !userForm.MatchString(r.user)) || strings.ContainsAny(r.path, "\n\r\x00") || climbs(r.path) {
		return remote{}, fmt.Errorf("remote %q: %w: not the URL of a repository", redactURL(raw), ErrRefused)
	}
	clean := strings.TrimSuffix(strings.TrimRight(r.path, "/"), ".git")
	r.key = r.scheme + "://" + r.host + ":" + r.port + "/" + clean
	return r, nil
}

// climbs says whether a path has parts that lead elsewhere than they read: the forge would see another path than those who decide what
// may be fetched, and with which credentials.
func climbs(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil || plain == "." || plain == ".." || strings.ContainsAny(plain, "/\n\r\x00") {
			return true
		}
	}
	return false
}

func orDefault(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// url is what git is given.
func (r remote) url() string {
	host := r.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if r.scheme == "ssh" {
		return "ssh://" + r.user + "@" + host + ":" + r.port + "/" + r.path
	}
	if r.port != "443" {
		host += ":" + r.port
	}
	return "https://" + host + "/" + r.path
}

// addresses resolves the host and asks allow about each address; one that is not allowed refuses the host as a whole, so that
// a name cannot smuggle an inner address in among outer ones.
func (r remote) addresses(ctx context.Context, allow func(string) error) ([]string, error) {
	if ip, err := netip.ParseAddr(r.host); err == nil {
		if err := allow(ip.Unmap().String()); err != nil {
			return nil, fmt.Errorf("address %s: %w: %w", ip, ErrRefused, err)
		}
		return nil, nil // git dials the literal itself
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", r.host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", r.host, err)
	}
	var out []string
	for _, ip := range ips {
		a := ip.Unmap().String()
		if err := allow(a); err != nil {
			return nil, fmt.Errorf("address %s of %s: %w: %w", a, r.host, ErrRefused, err)
		}
		out = append(out, a)
	}
	return out, nil
}

var userPart = regexp.MustCompile(`://[^/@\s]*@`)

// redactURL cuts user and password out of whatever looks like a URL.
func redactURL(s string) string { return userPart.ReplaceAllString(s, "://") }
