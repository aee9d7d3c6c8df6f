package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/slipway-cd/slipway/engine/object"
)

// Network is how chart repositories and registries are reached.
type Network struct {
	// AllowedHosts is asked about every address before it is dialled; nil allows all.
	AllowedHosts func(address string) error
	// Roots are the certificates that are trusted; nil for the system's.
	Roots *x509.CertPool
}

// conversation is how long one with a repository may take, a download included.
const conversation = 2 * time.Minute

// refusal is an address that is never dialled, or a way that is never taken.
type refusal struct{ error }

// client is for one conversation with what is registered; plain lets it be without TLS. Close its idle connections afterwards.
func (n Network) client(r Registration, plain bool) (*http.Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		if n.AllowedHosts == nil {
			return nil
		}
		if err := n.AllowedHosts(address); err != nil {
			return refusal{err}
		}
		return nil
	}}
	conf, err := n.tls(r)
	if err != nil {
		return nil, err
	}
	proxy := http.ProxyFromEnvironment
	if r.Proxy != "" {
		choose := (&httpproxy.Config{HTTPProxy: r.Proxy, HTTPSProxy: r.Proxy, NoProxy: r.NoProxy}).ProxyFunc()
		proxy = func(req *http.Request) (*url.URL, error) { return choose(req.URL) }
	}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: conf, Proxy: proxy, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true}
	return &http.Client{Transport: scheme{transport, plain}, CheckRedirect: redirect(len(conf.Certificates) > 0)}, nil
}

func (n Network) tls(r Registration) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.Roots, InsecureSkipVerify: r.Insecure} //nolint:gosec // by an administrator's word
	if r.Certificates != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(r.Certificates)) {
			return nil, errors.New("the certificates that are configured for the host cannot be read")
		}
	}
	if r.ClientKey != "" {
		pair, err := tls.X509KeyPair([]byte(r.ClientCertificate), []byte(r.ClientKey))
		if err != nil {
			return nil, fmt.Errorf("the TLS client certificate of the secret %s: %w", r.Secret, err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// redirect follows to other hosts without what proves who we are, and never from TLS to none.
func redirect(certified bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		first := via[0].URL
		switch {
		case len(via) >= 5:
			return errors.New("too many redirects")
		case first.Scheme == "https" && req.URL.Scheme != "https":
			return refusal{errors.New("it redirects to an address without TLS")}
		case first.Host == req.URL.Host:
			return nil
		case certified:
			return refusal{errors.New("it redirects to another host, which the client certificate is not for")}
		}
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
		return nil
	}
}

// scheme refuses requests without TLS where they are not wanted, wherever they come from: a registry says itself where tokens are had.
type scheme struct {
	*http.Transport
	plain bool
}

func (s scheme) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !s.plain {
		return nil, refusal{fmt.Errorf("%s is not spoken to without TLS", req.URL.Host)}
	}
	return s.Transport.RoundTrip(req)
}

// status is an answer that is none.
type status int

func (s status) Error() string {
	return fmt.Sprintf("the answer is %d %s", int(s), http.StatusText(int(s)))
}

// download reads a URL up to a number of bytes, and shows what is registered with the request.
func download(ctx context.Context, c *http.Client, at *url.URL, r Registration, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	switch {
	case r.BearerToken != "" && r.Username == "":
		req.Header.Set("Authorization", "Bearer "+string(r.BearerToken))
	case r.Username != "" || r.Password != "":
		req.SetBasicAuth(r.Username, string(r.Password))
	}
	req.Header.Set("User-Agent", "slipway")
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, status(resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = tooLarge(limit)
	}
	return body, err
}

func tooLarge(limit int64) error {
	return &object.Fault{Field: "spec.source.chart", Message: fmt.Sprintf("the download has more than %d MiB", limit>>20)}
}

// explain makes of a failed conversation what its reader can act on: what an author or administrator can mend is a Fault. URLs are cut
// out, for those that a repository redirects to hold keys.
func explain(err error, repoURL string) error {
	if _, ok := object.AsFault(err); ok || err == nil {
		return err
	}
	var no refusal
	var code status
	var dns *net.DNSError
	fault := func(message, hint string) error {
		return &object.Fault{Field: "spec.source.repoURL", Message: redacted(repoURL) + ": " + message, Hint: hint}
	}
	switch {
	case errors.As(err, &no):
		return fault("refused: "+no.Error(), "")
	case errors.As(err, &dns) && dns.IsNotFound:
		return fault("there is no such host", "")
	case errors.As(err, &code) && (code == http.StatusUnauthorized || code == http.StatusForbidden):
		return fault(code.Error(), "is a repository secret with credentials registered for it?")
	case errors.As(err, &code) && code == http.StatusNotFound:
		return fault(code.Error(), "")
	}
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	return fmt.Errorf("fetching from %s: %w", redacted(repoURL), err)
}

// redacted is a URL as it may be shown.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw[strings.LastIndexByte(raw, '@')+1:]
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
