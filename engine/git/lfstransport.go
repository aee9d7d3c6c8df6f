package git

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"
)

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
