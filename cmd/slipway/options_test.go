package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// filled are the options of serve as the environment and a file give them.
func filled(t *testing.T, file string, arguments ...string) (serveOptions, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLIPWAY_CONFIG", path)
	var o serveOptions
	cmd := &cobra.Command{}
	sections(cmd, o.sections())
	if err := cmd.ParseFlags(arguments); err != nil {
		t.Fatal(err)
	}
	return o, fill(cmd, o.config)
}

func TestOptionsOfAFile(t *testing.T) {
	t.Setenv("SLIPWAY_FOLLOW", "3m")
	o, err := filled(t, `
allow-owner: [acme, 12345678]
render-memory: 1073741824
sweep: 7m
follow: 9m
leader-elect: false
ca-file:
`, "--sweep=1m")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.allowOwners, []string{"acme", "12345678"}) || o.renderMemory != 1<<30 || o.leaderElect || o.caFile != "" {
		t.Errorf("owners %q, memory %d, leader election %t, CA %q", o.allowOwners, o.renderMemory, o.leaderElect, o.caFile)
	}
	if o.sweep.String() != "1m0s" || o.follow.String() != "3m0s" {
		t.Errorf("the command line and the environment do not go before the file: sweep %s, follow %s", o.sweep, o.follow)
	}
}

func TestAnOptionThatIsNone(t *testing.T) {
	if _, err := filled(t, "alow-owner: acme\n"); err == nil {
		t.Error("a typing mistake was taken")
	}
}

func TestRepositoriesThatAreFetchedInPart(t *testing.T) {
	o := serveOptions{partialFetch: []string{"https://github.com/acme", "git@gitlab.example.com:big/mono.git"}}
	for url, want := range map[string]bool{
		"https://github.com/acme/shop.git":         true,
		"https://github.com/acme-evil/shop":        false,
		"https://github.com/other/shop":            false,
		"ssh://git@gitlab.example.com:22/big/mono": true,
		"ssh://git@gitlab.example.com/big/mono2":   false,
	} {
		if got := o.partial(url); got != want {
			t.Errorf("%s: %t", url, got)
		}
	}
	if all := (serveOptions{partialFetch: []string{"*"}}); !all.partial("https://h/x") {
		t.Error("* is not all")
	}
}
