package git

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	lfsMedia     = "application/vnd.git-lfs+json"
	maxLFSAnswer = 1 << 20
	maxRedirects = 3
)

// lfsServer speaks Git LFS's batch API with the server of a repository.
// See https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md.
type lfsServer struct {
	line  *connection
	open  []*http.Transport
	batch string
	// header is what the batch API is shown instead of the repository's credentials; nil for those.
	header map[string]string
}

func (m *Mirror) lfsServer(ctx context.Context, auth Auth) (*lfsServer, error) {
	login, err := m.login(ctx, m.authOr(auth))
	if err != nil {
		return nil, err
	}
	s := &lfsServer{line: &connection{remote: m.remote, opt: m.store.opt, login: login}}
	at := lfsURL(m.remote)
	if m.remote.scheme == "ssh" {
		if at, err = s.authenticate(ctx, m.store); err != nil {
			return nil, fmt.Errorf("asking %s over SSH where its files of Git LFS are: %w", m.remote.host, err)
		}
	}
	s.batch = strings.TrimRight(at, "/") + "/objects/batch"
	return s, nil
}

// authenticate has a server that is spoken to over SSH say where its batch API is, and what to show there.
// See https://github.com/git-lfs/git-lfs/blob/main/docs/api/authentication.md.
func (s *lfsServer) authenticate(ctx context.Context, store *Store) (string, error) {
	line := s.line
	private, err := os.MkdirTemp(line.opt.Dir, privatePrefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(private)
	line.private = private
	if line.trust, err = line.opt.trusted(ctx, line.remote.host); err != nil {
		return "", err
	}
	path, err := url.PathUnescape(line.remote.path)
	if err != nil {
		return "", err
	}
	c := command{program: "ssh", cwd: private, timeout: time.Minute, secrets: line.login.secrets(), args: []string{"-F", "ssh_config",
		"-p", line.remote.port, "--", line.remote.user + "@" + line.remote.host, "git-lfs-authenticate " + quoteShell("/"+path) + " download"}}
	if err := line.ssh(ctx, &c); err != nil {
		return "", err
	}
	out, err := store.output(ctx, c)
	if err != nil {
		return "", err
	}
	var answer lfsAction
	if err := json.Unmarshal(out[:min(len(out), maxLFSAnswer)], &answer); err != nil {
		return "", errors.New("the answer cannot be read")
	}
	if s.header = answer.Header; s.header == nil {
		s.header = map[string]string{}
	}
	return orDefault(answer.Href, lfsURL(remote{scheme: "https", host: line.remote.host, port: "443", path: line.remote.path})), nil
}

// quoteShell quotes a word for the shell at the other end, as git does.
func quoteShell(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// lfsURL is where a repository's LFS is by default.
func lfsURL(r remote) string {
	at := strings.TrimRight(r.url(), "/")
	if !strings.HasSuffix(at, ".git") {
		at += ".git"
	}
	return at + "/info/lfs"
}

func (s *lfsServer) close() {
	for _, t := range s.open {
		t.CloseIdleConnections()
	}
}

// lfsAction is where an object is, and what whoever asks there has to show.
type lfsAction struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

type lfsObject struct {
	OID           string `json:"oid"`
	Size          int64  `json:"size"`
	Authenticated bool   `json:"authenticated"`
	Actions       struct {
		Download *lfsAction `json:"download"`
	} `json:"actions"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// object opens an object's download.
func (s *lfsServer) object(ctx context.Context, p pointer) (io.ReadCloser, error) {
	found, err := s.ask(ctx, p)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for k, v := range found.Actions.Download.Header {
		header.Set(k, v)
	}
	at, err := url.Parse(found.Actions.Download.Href)
	if err != nil {
		return nil, errors.New("the LFS server answers with an address that is none")
	}
	for range maxRedirects {
		resp, err := s.get(ctx, at, header, found.Authenticated)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusOK {
			return resp.Body, nil
		}
		_ = resp.Body.Close()
		location := resp.Header.Get("Location")
		if resp.StatusCode/100 != 3 || location == "" {
			return nil, fmt.Errorf("the LFS download answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
		}
		next, err := at.Parse(location)
		if err != nil {
			return nil, errors.New("the LFS download is redirected to an address that is none")
		}
		if next.Host != at.Host {
			header = http.Header{} // what was meant for one host is no other's
		}
		at = next
	}
	return nil, errors.New("the LFS download is redirected too often")
}

// get asks for a download. The repository's credentials are shown only at the repository's own server, and only if its answer brought
// none and does not say that none are needed.
func (s *lfsServer) get(ctx context.Context, at *url.URL, header http.Header, authenticated bool) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, errors.New("the LFS server answers with an address that is none")
	}
	req.Header = header.Clone()
	if s.own(at) && !authenticated && req.Header.Get("Authorization") == "" {
		s.show(req)
	}
	return s.do(req)
}

// ask has the server say where an object is.
func (s *lfsServer) ask(ctx context.Context, p pointer) (lfsObject, error) {
	question, err := json.Marshal(map[string]any{"operation": "download", "transfers": []string{"basic"}, "hash_algo": "sha256",
		"objects": []map[string]any{{"oid": p.oid, "size": p.size}}})
	if err != nil {
		return lfsObject{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.batch, bytes.NewReader(question))
	if err != nil {
		return lfsObject{}, err
	}
	s.show(req)
	for k, v := range s.header {
		req.Header.Set(k, v)
	}
	req.Header.Set("Accept", lfsMedia)
	req.Header.Set("Content-Type", lfsMedia)
	resp, err := s.do(req)
	if err != nil {
		return lfsObject{}, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return lfsObject{}, fmt.Errorf("the LFS server answers %d: do the repository's credentials read it?", resp.StatusCode)
	case http.StatusNotFound:
		return lfsObject{}, errors.New("the server has no LFS for this repository, or does not show it to these credentials")
	default:
		return lfsObject{}, fmt.Errorf("the LFS server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return readLFSAnswer(io.LimitReader(resp.Body, maxLFSAnswer), p)
}

// readLFSAnswer finds in a batch answer where an object is to be had.
func readLFSAnswer(body io.Reader, p pointer) (lfsObject, error) {
	var answer struct {
		Transfer string      `json:"transfer"`
		Objects  []lfsObject `json:"objects"`
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return lfsObject{}, errors.New("the LFS server's answer cannot be read")
	}
	if answer.Transfer != "" && answer.Transfer != "basic" {
		return lfsObject{}, fmt.Errorf("the LFS server transfers by %.50q, which was not asked for", answer.Transfer)
	}
	for _, o := range answer.Objects {
		switch {
		case o.OID != p.oid:
		case o.Error != nil:
			return lfsObject{}, fmt.Errorf("the LFS server says %d: %.200s", o.Error.Code, redactURL(o.Error.Message))
		case o.Actions.Download == nil || o.Actions.Download.Href == "":
			return lfsObject{}, errors.New("the LFS server does not say where the file is")
		default:
			return o, nil
		}
	}
	return lfsObject{}, errors.New("the LFS server does not answer for the file")
}

// own says whether an address is at the repository's own server.
func (s *lfsServer) own(at *url.URL) bool {
	return at.Scheme == "https" && strings.EqualFold(at.Hostname(), s.line.remote.host) && orDefault(at.Port(), "443") == s.line.remote.port
}

func (s *lfsServer) show(req *http.Request) {
	if s.header != nil {
		return
	}
	if name, value, ok := strings.Cut(s.line.login.header(), ": "); ok {
		req.Header.Set(name, value)
	}
}
