package main

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/source"
	"github.com/slipway-cd/slipway/forge"
)

func TestGate(t *testing.T) {
	sandbox := gate{[]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, c := range []struct {
		address string
		gate    gate
		open    bool
	}{
		{"140.82.121.3:443", gate{}, true}, {"[2606:50c0:8000::153]:443", gate{}, true}, {"10.1.2.3:443", gate{}, true}, {"10.1.2.3", gate{}, true},
		{"127.0.0.1:443", gate{}, false}, {"127.8.8.8:443", gate{}, false}, {"[::1]:443", gate{}, false}, {"[::ffff:127.0.0.1]:443", gate{}, false},
		{"169.254.169.254:80", gate{}, false}, {"[::ffff:169.254.169.254]:80", gate{}, false}, {"[64:ff9b::a9fe:a9fe]:80", gate{}, false},
		{"[2002:a9fe:a9fe::1]:80", gate{}, false}, {"[::7f00:1]:80", gate{}, false}, {"[fe80::1]:443", gate{}, false}, {"[fe80::1%eth0]:443", gate{}, false},
		{"[2606:50c0:8000::153%eth0]:443", gate{}, false},
		{"0.0.0.0:443", gate{}, false}, {"0.1.2.3:443", gate{}, false}, {"[::]:443", gate{}, false}, {"224.0.0.1:443", gate{}, false}, {"[ff02::1]:443", gate{}, false},
		{"[fd00:ec2::254]:80", gate{}, false}, {"100.100.100.200:80", gate{}, false}, {"168.63.129.16:80", gate{}, false},
		{"localhost:443", gate{}, false}, {"", gate{}, false}, {"/var/run/docker.sock", gate{}, false}, {"2130706433:80", gate{}, false}, {"0x7f.1:80", gate{}, false},
		{"127.0.0.1:443", sandbox, true}, {"[::ffff:127.0.0.1]:443", sandbox, true}, {"127.0.0.2:443", sandbox, false}, {"[::1]:443", sandbox, false},
	} {
		if err := c.gate.check(c.address); (err == nil) != c.open {
			t.Errorf("%q: %v", c.address, err)
		}
	}
}

// TestAppCredentialsGoToTheRepositoryAlone holds what the App's token is given for against where git would take it.
func TestAppCredentialsGoToTheRepositoryAlone(t *testing.T) {
	const own = "https://forge.example/acme/shop.git"
	f := &forges{listed: time.Now(), repos: map[string]served{source.NormalizeURL(own): {repository: forge.Repository{ID: 7, CloneURL: own}}}}
	store, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, same := range []string{own, "https://forge.example/acme/shop", "https://FORGE.example:443/acme/shop/", "https://mallory@forge.example/acme/shop.git"} {
		if _, ok, err := f.find(t.Context(), same); !ok || err != nil {
			t.Errorf("%q is not known: %v", same, err)
		}
		if store.Mirror(same) != store.Mirror(own) {
			t.Errorf("%q is fetched from elsewhere", same)
		}
	}
	for _, other := range []string{
		"http://forge.example/acme/shop.git", "https://forge.example:8443/acme/shop.git", "https://forge.example.evil.example/acme/shop.git",
		"https://evil.example/forge.example/acme/shop.git", "https://forge.example@evil.example/acme/shop.git", "https://forge.example:x@evil.example/acme/shop.git",
		"https://forge.example%2f@evil.example/acme/shop.git", `https://forge.example\@evil.example/acme/shop.git`, "https://evil.example#@forge.example/acme/shop.git",
		"https://evil.example?@forge.example/acme/shop.git", "https://forge.example/acme/shop/../vault.git", "https://forge.example/acme/shop.git/../vault.git",
		"https://forge.example/acme%2fshop.git", "ssh://git@forge.example/acme/shop.git", "git@forge.example:acme/shop.git", "file://forge.example/acme/shop.git",
		"ext::https://forge.example/acme/shop.git", "https://forge.example./acme/shop.git", "https://forge.example/acme/shop2.git", "--upload-pack=x",
		"https:///forge.example/acme/shop.git", "https:forge.example/acme/shop.git", "//forge.example/acme/shop.git", "",
	} {
		_, known, err := f.find(t.Context(), other)
		if err != nil {
			t.Errorf("%q: %v", other, err)
		}
		if known && store.Mirror(other) != store.Mirror(own) {
			t.Errorf("%q gets the credentials of %s, and is fetched from elsewhere", other, own)
		}
		if known {
			t.Errorf("%q gets the credentials of %s", other, own)
		}
	}
	// What is read as the same must not be fetched as something else.
	for _, odd := range []string{"https://forge.example/acme/shop.git?x=1", "https://forge.example/acme/shop.git#x", " https://forge.example/acme/shop.git", "https://forge.example//acme/shop.git"} {
		if _, known, _ := f.find(t.Context(), odd); known && store.Mirror(odd) != store.Mirror(own) {
			if err := store.Mirror(odd).Fetch(t.Context(), nil); !errors.Is(err, git.ErrRefused) {
				t.Errorf("%q gets the credentials of %s, and is fetched from elsewhere: %v", odd, own, err)
			}
		}
	}
}
