package git_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/slipway-cd/slipway/engine/git"
)

// sshUpstream serves a repository over SSH to whoever has the key.
type sshUpstream struct {
	t       *testing.T
	bare    string
	ln      net.Listener
	host    ssh.Signer
	key     string // the private key that is let in
	user    ssh.PublicKey
	lfs     string // answered to git-lfs-authenticate
	dials   atomic.Int64
	fetches atomic.Int64
}

func newSSHUpstream(t *testing.T, bare string) *sshUpstream {
	t.Helper()
	s := &sshUpstream{t: t, bare: bare}
	_, s.host = newSSHKey(t)
	key, signer := newSSHKey(t)
	s.key, s.user = key, signer.PublicKey()
	var err error
	if s.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.ln.Close() })
	go s.accept()
	return s
}

func newSSHKey(t *testing.T) (string, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), signer
}

func (s *sshUpstream) accept() {
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || !bytes.Equal(key.Marshal(), s.user.Marshal()) {
			return nil, errors.New("not this one")
		}
		return nil, nil
	}}
	config.AddHostKey(s.host)
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.dials.Add(1)
		go s.serve(conn, config)
	}
}

func (s *sshUpstream) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go s.session(channel, asked)
	}
}

func (s *sshUpstream) session(channel ssh.Channel, asked <-chan *ssh.Request) {
	defer channel.Close()
	for req := range asked {
		var exec struct{ Command string }
		if req.Type == "exec" && ssh.Unmarshal(req.Payload, &exec) == nil && exec.Command == "git-lfs-authenticate '/team/shop.git' download" && s.lfs != "" {
			_ = req.Reply(true, nil)
			_, _ = io.WriteString(channel, s.lfs)
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{}))
			return
		}
		if req.Type != "exec" || ssh.Unmarshal(req.Payload, &exec) != nil || exec.Command != "git-upload-pack '/team/shop.git'" {
			_ = req.Reply(req.Type == "env", nil)
			continue
		}
		_ = req.Reply(true, nil)
		s.fetches.Add(1)
		status := struct{ Code uint32 }{}
		if err := s.uploadPack(channel); err != nil {
			status.Code = 1
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}

func (s *sshUpstream) uploadPack(channel ssh.Channel) error {
	cmd := exec.Command("git", "upload-pack", s.bare)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := channel.Read(buf)
			if _, werr := in.Write(buf[:n]); err != nil || werr != nil {
				_ = in.Close()
				return
			}
		}
	}()
	return cmd.Wait()
}

func (s *sshUpstream) port() string {
	_, port, _ := net.SplitHostPort(s.ln.Addr().String())
	return port
}

func (s *sshUpstream) url(host string) string {
	return "ssh://git@" + host + ":" + s.port() + "/team/shop.git"
}

func (s *sshUpstream) known(host string) string {
	return knownhosts.Line([]string{net.JoinHostPort(host, s.port())}, s.host.PublicKey())
}

func with(c git.Credential) git.Auth {
	return func(context.Context) (git.Credential, error) { return c, nil }
}

func trusting(known git.Trust) func(context.Context, string) (git.Trust, error) {
	return func(context.Context, string) (git.Trust, error) { return known, nil }
}

// leftovers fails when a private folder outlived its command.
func leftovers(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "talk-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestSSHWithKeyAndKnownHosts(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	server := newSSHUpstream(t, u.bare)
	otherKey, otherHost := newSSHKey(t)
	stranger := knownhosts.Line([]string{net.JoinHostPort("127.0.0.1", server.port())}, otherHost.PublicKey())
	allowed := func(string) error { return nil }
	for _, tc := range []struct {
		name  string
		host  string
		login git.Credential
		known string
		gate  func(string) error
		fails string
	}{
		{name: "known", host: "127.0.0.1", login: git.Credential{SSHKey: server.key}, known: server.known("127.0.0.1")},
		{name: "a key with the line ends of Windows", host: "127.0.0.1", login: git.Credential{SSHKey: strings.ReplaceAll(strings.TrimSpace(server.key), "\n", "\r\n")}, known: server.known("127.0.0.1")},
		{name: "by name, to the address that was asked about", host: "localhost", login: git.Credential{SSHKey: server.key}, known: server.known("localhost"), gate: allowed},
		{name: "an address asked about", host: "127.0.0.1", login: git.Credential{SSHKey: server.key}, known: server.known("127.0.0.1"), gate: allowed},
		{name: "any host key", host: "127.0.0.1", login: git.Credential{SSHKey: server.key, AnyHostKey: true}},
		{name: "no host known", host: "127.0.0.1", login: git.Credential{SSHKey: server.key}, fails: "Host key verification failed"},
		{name: "another host key", host: "127.0.0.1", login: git.Credential{SSHKey: server.key}, known: stranger, fails: "Host key verification failed"},
		{name: "known by another name", host: "localhost", login: git.Credential{SSHKey: server.key}, known: server.known("127.0.0.1"), gate: allowed, fails: "Host key verification failed"},
		{name: "another key", host: "127.0.0.1", login: git.Credential{SSHKey: otherKey}, known: server.known("127.0.0.1"), fails: "Permission denied"},
		{name: "no key", host: "127.0.0.1", known: server.known("127.0.0.1"), fails: "Permission denied"},
		{name: "a key that is none", host: "127.0.0.1", login: git.Credential{SSHKey: "no such thing"}, known: server.known("127.0.0.1"), fails: "Permission denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "with 'a $name")
			store := u.store(git.Options{Dir: dir, Trust: trusting(git.Trust{KnownHosts: tc.known}), AllowedHosts: tc.gate})
			m := store.Mirror(server.url(tc.host))
			err := m.Fetch(t.Context(), with(tc.login))
			leftovers(t, dir)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("got %v, want %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := resolve(t, m.Repository(), "main"); got != one {
				t.Errorf("main is %s", got)
			}
		})
	}
}

func TestSSHAsksTheGate(t *testing.T) {
	u := newUpstream(t)
	server := newSSHUpstream(t, u.bare)
	refuse := func(string) error { return errors.New("an inner address") }
	for _, host := range []string{"127.0.0.1", "localhost"} {
		store := u.store(git.Options{AllowedHosts: refuse, Trust: trusting(git.Trust{KnownHosts: server.known(host)})})
		if err := store.Mirror(server.url(host)).Fetch(t.Context(), with(git.Credential{SSHKey: server.key})); !errors.Is(err, git.ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	proxied := u.store(git.Options{Trust: trusting(git.Trust{KnownHosts: server.known("127.0.0.1")})}).Mirror(server.url("127.0.0.1"))
	if err := proxied.Fetch(t.Context(), with(git.Credential{SSHKey: server.key, Proxy: "http://proxy.example:3128"})); !errors.Is(err, git.ErrRefused) {
		t.Errorf("went around its proxy: %v", err)
	}
	if n := server.dials.Load(); n != 0 {
		t.Errorf("dialled %d times", n)
	}
}

func TestHostsThatCouldMeanMoreAreRefused(t *testing.T) {
	s, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"ssh://git@-oProxyCommand=id/x", "ssh://git@a$(id)/x", "ssh://git@a;id/x", "ssh://git@a'b/x", "ssh://-l@h/x", "ssh://a%20b@h/x",
		"ssh://a%0aProxyCommand%20id@h/x", "git@-h:x", "ssh://git@.h/x", "https://a&b/x", "ssh://[fe80::1%25eth0]/x", "-oX@h:x", "ssh://$USER@h/x"} {
		if err := s.Mirror(url).Fetch(t.Context(), nil); !errors.Is(err, git.ErrRefused) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := git.Credential{Username: "bob", Password: "s3cr3t", SSHKey: "k3y"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, c); strings.Contains(text, "s3cr3t") || strings.Contains(text, "k3y") || strings.Contains(text, "bob") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
