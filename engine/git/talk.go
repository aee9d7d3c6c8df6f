package git

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// talk is a conversation with the remote that brings refs.
func (m *Mirror) talk(ctx context.Context, auth Auth, dir string, prune bool, specs []string) error {
	c := command{dir: dir}
	if prune {
		c.args = append(c.args, "--prune")
	}
	return m.converse(ctx, auth, c, specs)
}

// converse is one conversation with the remote: git fetch in c's store, with c's arguments and configuration beside those of every
// fetch.
func (m *Mirror) converse(ctx context.Context, auth Auth, c command, specs []string) error {
	c.args = append([]string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
		"--no-show-forced-updates"}, c.args...)
	from := m.from(&c)
	c.args = append(append(c.args, "--", from), specs...)
	if err := m.connect(ctx, auth, c); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = auth
	return nil
}

// connect runs a command of git that speaks with the remote.
func (m *Mirror) connect(ctx context.Context, auth Auth, c command) error {
	login, err := m.login(ctx, auth)
	if err != nil {
		return err
	}
	private, err := os.MkdirTemp(m.store.opt.Dir, privatePrefix)
	if err != nil {
		return fmt.Errorf("talking to %s: %w", m.remote.host, err)
	}
	defer os.RemoveAll(private)
	line := &connection{remote: m.remote, opt: m.store.opt, login: login, private: private}
	if line.trust, err = m.store.opt.trusted(ctx, m.remote.host); err != nil {
		return err
	}
	c.cwd, c.allow, c.timeout, c.secrets, c.bounded = private, "https:ssh", m.store.opt.FetchTimeout, login.secrets(), true
	c.config = append(c.config, setting{"core.bigFileThreshold", "32m"}) // larger files are written as they come, not held in memory
	if m.remote.scheme == "ssh" {
		err = line.ssh(ctx, &c)
	} else {
		err = line.https(ctx, &c)
	}
	if err != nil {
		return err
	}
	_, err = m.store.output(ctx, c)
	return err
}

// authOr is the credential to show where the caller may have none.
func (m *Mirror) authOr(auth Auth) Auth {
	if auth != nil {
		return auth
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.took
}

// login is the credential to show: what the caller has, or what stands in the URL.
func (m *Mirror) login(ctx context.Context, auth Auth) (Credential, error) {
	var c Credential
	if auth != nil {
		var err error
		if c, err = auth(ctx); err != nil {
			return c, fmt.Errorf("credential for %s: %w", m.remote.host, err)
		}
	}
	if c.header() == "" {
		c.Username, c.Password = m.remote.login.Username, m.remote.login.Password
	}
	return c, nil
}

// connection prepares a command for one conversation. Secrets reach git by its environment or by files in a folder that only this
// command knows, and that goes with it.
type connection struct {
	remote  remote
	opt     Options
	login   Credential
	trust   Trust
	private string
}

const (
	privatePrefix = "talk-"
	// forgotten is when a private folder must be one of a process that was killed.
	forgotten = 24 * time.Hour
)

// forget removes the private folders that killed processes left.
func forget(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), privatePrefix) && time.Since(info.ModTime()) > forgotten {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// file writes a private file, and yields its path.
func (l *connection) file(name, content string) (string, error) {
	path := filepath.Join(l.private, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", fmt.Errorf("preparing to talk to %s: %w", l.remote.host, err)
	}
	return path, nil
}

func (l *connection) https(ctx context.Context, c *command) error {
	proxy, err := l.proxy()
	if err != nil {
		return err
	}
	if err := l.pin(ctx, c, proxy); err != nil {
		return err
	}
	if proxy != nil {
		c.config = append(c.config, setting{"http.proxy", proxy.String()})
	}
	if header := l.login.header(); header != "" {
		c.config = append(c.config, setting{"http." + l.remote.url() + ".extraHeader", header})
	}
	return l.tls(ctx, c, proxy)
}

// proxy is the one to go through, nil for none.
func (l *connection) proxy() (*url.URL, error) {
	if l.login.Proxy == "" {
		return nil, nil
	}
	ask := &httpproxy.Config{HTTPSProxy: l.login.Proxy, NoProxy: l.login.NoProxy}
	proxy, err := ask.ProxyFunc()(&url.URL{Scheme: "https", Host: net.JoinHostPort(l.remote.host, l.remote.port)})
	if err != nil || proxy != nil && proxy.Hostname() == "" {
		return nil, fmt.Errorf("proxy for %s: %w: not the URL of a proxy", l.remote.host, ErrRefused) // the parser's message may quote a password
	}
	return proxy, nil
}

// pin holds the addresses that will be dialled against what is allowed, and git to those. Through a proxy, that is the proxy's; the
// remote's are looked at as far as they are known here, since a proxy is often the only one to know outer names.
func (l *connection) pin(ctx context.Context, c *command, proxy *url.URL) error {
	if l.opt.AllowedHosts == nil {
		return nil
	}
	dialled := l.remote
	ips, err := dialled.addresses(ctx, l.opt.AllowedHosts)
	if proxy != nil {
		if unresolved := (*net.DNSError)(nil); err != nil && !errors.As(err, &unresolved) {
			return err
		}
		dialled = remote{host: strings.ToLower(proxy.Hostname()), port: orDefault(proxy.Port(), proxyPort[proxy.Scheme])}
		ips, err = dialled.addresses(ctx, l.opt.AllowedHosts)
	}
	if err != nil {
		return err
	}
	if len(ips) > 0 {
		c.config = append(c.config, setting{"http.curloptResolve", net.JoinHostPort(dialled.host, dialled.port) + ":" + strings.Join(ips, ",")})
	}
	return nil
}

// proxyPort are the ports that libcurl takes when a proxy's URL has none.
var proxyPort = map[string]string{"http": "1080", "https": "443", "socks5": "1080", "socks5h": "1080"}

// tls says by what certificates the server is verified, and what it is shown.
func (l *connection) tls(ctx context.Context, c *command, proxy *url.URL) error {
	if err := l.authorities(c, setting{"http.sslCAInfo", "ca.pem"}, l.trust); err != nil {
		return err
	}
	if proxy != nil && proxy.Scheme == "https" {
		known, err := l.opt.trusted(ctx, proxy.Hostname())
		if err != nil {
			return err
		}
		if err := l.authorities(c, setting{"http.proxySSLCAInfo", "proxy-ca.pem"}, known); err != nil {
			return err
		}
	}
	if l.login.AnyCertificate {
		c.config = append(c.config, setting{"http.sslVerify", "false"})
	}
	if l.login.ClientCertificate == "" || l.login.ClientKey == "" {
		return nil
	}
	certificate, err := l.file("client.pem", l.login.ClientCertificate)
	if err != nil {
		return err
	}
	key, err := l.file("client.key", l.login.ClientKey)
	if err != nil {
		return err
	}
	c.config = append(c.config, setting{"http.sslCert", certificate}, setting{"http.sslKey", key})
	return nil
}

// authorities has git read certificates from a file: those of the host, or the system's, and the extra ones with either.
func (l *connection) authorities(c *command, as setting, known Trust) error {
	switch {
	case known.Certificates != "":
		var extra []byte
		if l.opt.CAFile != "" {
			var err error
			if extra, err = os.ReadFile(l.opt.CAFile); err != nil {
				return fmt.Errorf("extra certificates: %w", err)
			}
		}
		path, err := l.file(as.value, known.Certificates+"\n"+string(extra))
		if err != nil {
			return err
		}
		c.config = append(c.config, setting{as.key, path})
	case l.opt.CAFile != "":
		path, err := caBundle(l.opt)
		if err != nil {
			return err
		}
		c.config = append(c.config, setting{as.key, path})
	}
	return nil
}

func (o Options) trusted(ctx context.Context, host string) (Trust, error) {
	if o.Trust == nil {
		return Trust{}, nil
	}
	known, err := o.Trust(ctx, host)
	if err != nil {
		return known, fmt.Errorf("what is trusted of %s: %w", host, err)
	}
	return known, nil
}
