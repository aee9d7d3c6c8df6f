package git

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"
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
}

func (m *Mirror) lfsServer(ctx context.Context, auth Auth) (*lfsServer, error) {
	if m.remote.scheme != "https" {
		return nil, fmt.Errorf("%w: files of Git LFS are fetched over https only; name the repository by its https URL", ErrRefused)
	}
	login, err := m.login(ctx, m.authOr(auth))
	if err != nil {
		return nil, err
	}
	return &lfsServer{line: &connection{remote: m.remote, opt: m.store.opt, login: login}, batch: lfsURL(m.remote) + "/objects/batch"}, nil
}

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
	req.Header.Set("Accept", lfsMedia)
	req.Header.Set("Content-Type", lfsMedia)
	s.show(req)
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
	if name, value, ok := strings.Cut(s.line.login.header(), ": "); ok {
		req.Header.Set(name, value)
	}
}

// do sends a request, without following where the answer leads. Its errors quote no address: one may hold a signature.
func (s *lfsServer) do(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" || !hostForm.MatchString(strings.ToLower(req.URL.Hostname())) {
		return nil, fmt.Errorf("%w: the LFS server leads to an address without TLS", ErrRefused)
	}
	req.Header.Set("User-Agent", "slipway")
	transport, err := s.transport(req)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	var quoting *url.Error
	if errors.As(err, &quoting) {
		err = quoting.Err
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s for a file of Git LFS: %w", req.URL.Hostname(), err)
	}
	return resp, nil
}

// transport goes the way to a request's host as git would: verified, gated and through the proxy that is meant for it. The client
// certificate, and that a certificate is not verified, are the repository's own server's alone.
func (s *lfsServer) transport(req *http.Request) (*http.Transport, error) {
	ctx, l := req.Context(), s.line
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if conf.RootCAs, err = l.roots(ctx, req.URL.Hostname()); err != nil {
		return nil, err
	}
	if s.own(req.URL) {
		conf.InsecureSkipVerify = l.login.AnyCertificate //nolint:gosec // the repository's secret asks for it by name
		if l.login.ClientCertificate != "" && l.login.ClientKey != "" {
			pair, err := tls.X509KeyPair([]byte(l.login.ClientCertificate), []byte(l.login.ClientKey))
			if err != nil {
				return nil, errors.New("the TLS client certificate and its key cannot be read") // the parser's words may quote them
			}
			conf.Certificates = []tls.Certificate{pair}
		}
	}
	t := &http.Transport{DialContext: gatedDialer(l.opt.AllowedHosts), TLSClientConfig: conf, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true}
	if l.login.Proxy != "" {
		proxy, err := (&httpproxy.Config{HTTPSProxy: l.login.Proxy, NoProxy: l.login.NoProxy}).ProxyFunc()(req.URL)
		if err != nil || (proxy != nil && proxy.Hostname() == "") {
			return nil, fmt.Errorf("proxy for %s: %w: not the URL of a proxy", req.URL.Hostname(), ErrRefused)
		}
		if proxy != nil {
			if err := l.beyond(ctx, req.URL.Hostname()); err != nil {
				return nil, err
			}
			t.Proxy = http.ProxyURL(proxy)
		}
	}
	s.open = append(s.open, t)
	return t, nil
}

// beyond asks about the addresses of a host behind a proxy, as far as they are known here.
func (l *connection) beyond(ctx context.Context, host string) error {
	if l.opt.AllowedHosts == nil {
		return nil
	}
	_, err := remote{host: strings.ToLower(host)}.addresses(ctx, l.opt.AllowedHosts)
	if unresolved := (*net.DNSError)(nil); errors.As(err, &unresolved) {
		return nil
	}
	return err
}

// gatedDialer asks about each address at the moment in which it is dialled.
func gatedDialer(allow func(string) error) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		if allow == nil {
			return nil
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		if err := allow(host); err != nil {
			return fmt.Errorf("address %s: %w: %w", host, ErrRefused, err)
		}
		return nil
	}}
	return d.DialContext
}

// roots are the certificates by which a host is verified: those known of it, or the system's, and the extra ones with either.
func (l *connection) roots(ctx context.Context, host string) (*x509.CertPool, error) {
	known, err := l.opt.trusted(ctx, strings.ToLower(host))
	if err != nil {
		return nil, err
	}
	if known.Certificates == "" && l.opt.CAFile == "" {
		return nil, nil // the system's
	}
	pool := x509.NewCertPool()
	if known.Certificates == "" {
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("the system's certificates: %w", err)
		}
	}
	pool.AppendCertsFromPEM([]byte(known.Certificates))
	if l.opt.CAFile != "" {
		extra, err := os.ReadFile(l.opt.CAFile)
		if err != nil {
			return nil, fmt.Errorf("extra certificates: %w", err)
		}
		pool.AppendCertsFromPEM(extra)
	}
	return pool, nil
}
