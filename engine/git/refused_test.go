package git_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

func TestOtherProtocolsAreRefused(t *testing.T) {
	s, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"http://127.0.0.1/x.git", "file:///etc", "/etc", "git://127.0.0.1/x", "ext::sh -c id", "ssh://-oProxyCommand=id/x",
		"-uid", "--upload-pack=id", "https://", "https://h", "https://h/x?y", "ssh://-l@h/x", "", "https://a b/x", "fd::3", "h:/abs", "https://h/x\nfetch",
		"https://h/org/../other/x", "https://h/org/%2e%2E/x", "https://h/org/%2F../x", "git@h:org/../x", "https://h/./x"} {
		m := s.Mirror(url)
		if err := m.Fetch(t.Context(), nil); !errors.Is(err, git.ErrRefused) {
			t.Errorf("fetched from %q: %v", url, err)
		}
		if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); !errors.Is(err, git.ErrRefused) {
			t.Errorf("fetched a pull request from %q: %v", url, err)
		}
		if err := m.Keep(t.Context(), "x", git.Hash(strings.Repeat("a", 40))); !errors.Is(err, git.ErrRefused) {
			t.Errorf("kept in %q: %v", url, err)
		}
		if h, err := m.Repository().Resolve(t.Context(), "HEAD"); err == nil {
			t.Errorf("%q resolves HEAD to %s", url, h)
		}
	}
}

func TestOptionLikeRefsAreRefused(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	m := u.mirror()
	for _, ref := range []string{"--upload-pack=touch x", "-v", "refs/heads/*", "+refs/heads/main:refs/heads/x", "refs/heads/a:refs/heads/b", "main",
		"refs/../x", "refs/x.lock", "refs/heads/a b", "refs/pull/1/head\n", "^refs/heads/main", "refs//x", "refs/-x/../y"} {
		if err := m.FetchPulls(t.Context(), nil, ref); !errors.Is(err, git.ErrRefused) {
			t.Errorf("fetched %q: %v", ref, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	m := u.store(git.Options{}).Mirror(strings.Replace(u.url, "shop", "moved", 1))
	if err := m.Fetch(t.Context(), nil); err == nil {
		t.Fatal("a redirect was followed")
	}
}

func TestUnknownCertificatesAreRefused(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	s, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Mirror(u.url).Fetch(t.Context(), nil); err == nil {
		t.Fatal("fetched without knowing the certificate")
	}
}

func TestCredentialsAreSentAndNeverShown(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	u.password = "s3cr3t-of-shop"
	m := u.mirror()
	if err := m.Fetch(t.Context(), password(u.password)); err != nil {
		t.Fatal(err)
	}
	const wrong = "wr0ng-pass"
	for name, err := range map[string]error{
		"wrong":     m.Fetch(t.Context(), password(wrong)),
		"anonymous": m.Fetch(t.Context(), nil),
		"in the URL": u.store(git.Options{}).Mirror(strings.Replace(u.url, "https://", "https://bob:"+wrong+"@", 1)).
			Fetch(t.Context(), nil),
	} {
		if err == nil {
			t.Errorf("%s: fetched", name)
			continue
		}
		text := fmt.Sprintf("%v %+v", err, err)
		if strings.Contains(text, wrong) || strings.Contains(text, "bob") || strings.Contains(text, "eC1hY2Nlc3M") {
			t.Errorf("%s: the error shows a credential: %s", name, text)
		}
	}
	in := u.store(git.Options{}).Mirror(strings.Replace(u.url, "https://", "https://bob:"+u.password+"@", 1))
	if err := in.Fetch(t.Context(), nil); err != nil {
		t.Errorf("credential of the URL: %v", err)
	}
}

func TestAddressesAreAskedAboutAndPinned(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	var asked []string
	refuse := func(a string) error { asked = append(asked, a); return errors.New("an inner address") }
	m := u.store(git.Options{AllowedHosts: refuse}).Mirror(u.url)
	if err := m.Fetch(t.Context(), nil); !errors.Is(err, git.ErrRefused) {
		t.Errorf("fetched: %v", err)
	}
	byName := strings.Replace(u.url, "127.0.0.1", "localhost", 1)
	if err := u.store(git.Options{AllowedHosts: refuse}).Mirror(byName).Fetch(t.Context(), nil); !errors.Is(err, git.ErrRefused) {
		t.Errorf("fetched by name: %v", err)
	}
	if len(asked) < 2 {
		t.Errorf("asked only about %v", asked)
	}
}

func TestSpellingsOfOneURLHaveOneMirror(t *testing.T) {
	s, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	same := [][]string{
		{"https://Forge.example/team/shop", "https://forge.example/team/shop.git", "https://forge.example:443/team/shop/", "https://u:p@forge.example/team/shop.git"},
		{"git@forge.example:team/shop.git", "ssh://git@forge.example/team/shop", "ssh://forge.example:22/team/shop.git/"},
	}
	for _, urls := range same {
		for _, url := range urls[1:] {
			if s.Mirror(url) != s.Mirror(urls[0]) {
				t.Errorf("%s and %s have two mirrors", urls[0], url)
			}
		}
	}
	if s.Mirror(same[0][0]) == s.Mirror(same[1][0]) || s.Mirror("https://forge.example/team/shop2") == s.Mirror(same[0][0]) ||
		s.Mirror("https://forge.example:8443/team/shop") == s.Mirror(same[0][0]) {
		t.Error("different remotes share a mirror")
	}
}
