package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// TestSecretsStandInNoArgument looks over git's shoulder: at its arguments, and at the files it is given.
func TestSecretsStandInNoArgument(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	server := newSSHUpstream(t, u.bare)
	certificate, key, _ := selfSigned(t)
	dir := t.TempDir()
	seen, program := filepath.Join(dir, "seen"), filepath.Join(dir, "git")
	script := "#!/bin/sh\n[ \"$1\" = fetch ] && { echo \"$@\"; stat -c 'mode %a %n' . *; } >> " + seen + "\nexec git \"$@\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	store := u.store(git.Options{Program: program, Trust: trusting(git.Trust{KnownHosts: server.known("127.0.0.1"), Certificates: u.authorities()})})
	proxy := "http://ann:pr0xy%20pass@127.0.0.1:1"
	for url, login := range map[string]git.Credential{
		u.url:                   {Username: "bob", Password: "s3cr3t", ClientCertificate: certificate, ClientKey: key, Proxy: proxy, NoProxy: "127.0.0.1"},
		server.url("127.0.0.1"): {SSHKey: server.key},
		strings.Replace(u.url, "https://", "https://bob:s3cr3t@", 1): {},
	} {
		if err := store.Mirror(url).Fetch(t.Context(), with(login)); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, want := range []string{"mode 700 .", "mode 600 key", "mode 600 client.key", "mode 600 ssh_config", "mode 600 known_hosts"} {
		if !strings.Contains(text, want) {
			t.Errorf("did not see %q in\n%s", want, text)
		}
	}
	for _, secret := range []string{"s3cr3t", "bob", "ann", "pr0xy", "PRIVATE", "Authorization", "Ym9iOnMzY3IzdA"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown:\n%s", secret, text)
		}
	}
}
