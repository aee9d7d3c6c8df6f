package git_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
)

// plain is a store that trusts only what it is told.
func plain(t *testing.T, opt git.Options) *git.Store {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	s, err := git.NewStore(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (u *upstream) authorities() string {
	u.t.Helper()
	b, err := os.ReadFile(u.ca)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b)
}

// guard has the server ask each request.
func (u *upstream) guard(admit func(*http.Request) bool) {
	next := u.handler()
	u.put(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !admit(r) {
			http.Error(w, "not you", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

func TestBearerTokens(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	u.guard(func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer t0ken-of-shop" })
	if err := u.mirror().Fetch(t.Context(), with(git.Credential{Bearer: "t0ken-of-shop"})); err != nil {
		t.Fatal(err)
	}
	err := u.mirror().Fetch(t.Context(), with(git.Credential{Bearer: "wr0ng-token"}))
	if err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %v", err)
	}
}

func TestCertificatesOfAHost(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	other, _, _ := selfSigned(t)
	for _, tc := range []struct {
		name  string
		known string
		login git.Credential
		works bool
	}{
		{"the host's", u.authorities(), git.Credential{}, true},
		{"another's", other, git.Credential{}, false},
		{"none", "", git.Credential{}, false},
		{"not verified", "", git.Credential{AnyCertificate: true}, true},
		{"not verified although known", other, git.Credential{AnyCertificate: true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := ""
			store := plain(t, git.Options{Trust: func(_ context.Context, host string) (git.Trust, error) {
				asked = host
				return git.Trust{Certificates: tc.known}, nil
			}})
			if err := store.Mirror(u.url).Fetch(t.Context(), with(tc.login)); (err == nil) != tc.works {
				t.Errorf("got %v", err)
			}
			if asked != "127.0.0.1" {
				t.Errorf("asked about %q", asked)
			}
		})
	}
}

// selfSigned is a certificate with its key, both PEM.
func selfSigned(t *testing.T) (certificate, key string, parsed *x509.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), parsed
}

func TestClientCertificates(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	certificate, key, parsed := selfSigned(t)
	strange, strangeKey, _ := selfSigned(t)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	strict := httptest.NewUnstartedServer(u.handler())
	strict.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	strict.Config.ErrorLog = nil
	strict.StartTLS()
	t.Cleanup(strict.Close)
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		login git.Credential
		works bool
	}{
		"the right one": {git.Credential{ClientCertificate: certificate, ClientKey: key}, true},
		"a stranger's":  {git.Credential{ClientCertificate: strange, ClientKey: strangeKey}, false},
		"none":          {git.Credential{}, false},
	} {
		err := u.store(git.Options{Dir: dir}).Mirror(strict.URL+"/shop.git").Fetch(t.Context(), with(tc.login))
		if (err == nil) != tc.works {
			t.Errorf("%s: %v", name, err)
		}
	}
	leftovers(t, dir)
}

// connectProxy is a real HTTP proxy that knows one name, and asks for a password.
type connectProxy struct {
	*httptest.Server
	target string

	mu    sync.Mutex
	asked []string
}

func newConnectProxy(t *testing.T, u *upstream) *connectProxy {
	t.Helper()
	p := &connectProxy{target: u.server.Listener.Addr().String()}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host+" "+r.Header.Get("Authorization"))
	p.mu.Unlock()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:pr0xy pass"))
	if r.Header.Get("Proxy-Authorization") != want {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "who are you", http.StatusProxyAuthRequired)
		return
	}
	to, err := net.Dial("tcp", p.target)
	if err != nil || r.Method != http.MethodConnect {
		http.Error(w, "no", http.StatusBadGateway)
		return
	}
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = to.Close()
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go relay(to, buf.Reader)
	relay(conn, bufio.NewReader(to))
}

func relay(to net.Conn, from *bufio.Reader) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

func (p *connectProxy) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.asked
	p.asked = nil
	return out
}

func TestProxies(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	u.guard(func(r *http.Request) bool { _, p, _ := r.BasicAuth(); return p == "s3cr3t" })
	proxy := newConnectProxy(t, u)
	address := strings.TrimPrefix(proxy.URL, "http://")
	right, wrong := "http://ann:pr0xy%20pass@"+address, "http://ann:wr0ng%20pass@"+address
	url := strings.Replace(u.url, "127.0.0.1", "example.com", 1) // the certificate is for that name too; only the proxy knows where it is
	login := git.Credential{Username: "x", Password: "s3cr3t", Proxy: right}

	if err := u.store(git.Options{}).Mirror(url).Fetch(t.Context(), with(login)); err != nil {
		t.Fatal(err)
	}
	took := proxy.took()
	for _, asked := range took {
		if !strings.HasPrefix(asked, "CONNECT example.com:") || strings.Contains(asked, "Basic") {
			t.Errorf("the proxy was asked %q", asked)
		}
	}
	if len(took) == 0 {
		t.Error("the proxy was not asked")
	}

	// Through a proxy by name, which is asked about and pinned.
	var names []string
	gated := u.store(git.Options{AllowedHosts: func(address string) error { names = append(names, address); return nil }})
	login.Proxy = strings.Replace(right, "127.0.0.1", "localhost", 1)
	if err := gated.Mirror(strings.Replace(url, "example.com", "127.0.0.1", 1)).Fetch(t.Context(), with(login)); err != nil {
		t.Error(err) // no proxy for loopback addresses
	}
	proxy.took()
	if err := gated.Mirror(url).Fetch(t.Context(), with(login)); err != nil {
		t.Error(err)
	}
	if took := proxy.took(); len(took) == 0 || !slices.Contains(names, "127.0.0.1") {
		t.Errorf("the proxy was asked %q, the gate about %q", took, names)
	}

	login.Proxy = wrong
	err := u.store(git.Options{}).Mirror(url).Fetch(t.Context(), with(login))
	if err == nil {
		t.Fatal("fetched through a proxy that does not know us")
	}
	for _, secret := range []string{"wr0ng", "s3cr3t", "ann"} {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("the error shows %s: %v", secret, err)
		}
	}
	proxy.took()

	login.Proxy, login.NoProxy = wrong, "other.example,.com"
	store := u.store(git.Options{AllowedHosts: func(string) error { return errors.New("an inner address") }})
	direct := strings.Replace(u.url, "127.0.0.1", "localhost", 1)
	if err := store.Mirror(direct).Fetch(t.Context(), with(login)); !errors.Is(err, git.ErrRefused) {
		t.Errorf("localhost: %v", err)
	}
	login.NoProxy = ""
	if err := store.Mirror(url).Fetch(t.Context(), with(login)); !errors.Is(err, git.ErrRefused) {
		t.Errorf("went through a proxy at a refused address: %v", err)
	}
	login.NoProxy = "other.example, .invalid"
	if err := u.store(git.Options{}).Mirror("https://shop.invalid/x.git").Fetch(t.Context(), with(login)); err == nil {
		t.Error("fetched from nowhere")
	}
	if took := proxy.took(); len(took) > 0 {
		t.Errorf("the proxy was asked %v", took)
	}
}
