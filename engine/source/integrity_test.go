package source_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// signer is somebody with a key.
type signer struct {
	t      *testing.T
	entity *openpgp.Entity
}

// The clock of tests is at 1000 seconds; keys are made at 500.
func newSigner(t *testing.T, name string, lifetime uint32) *signer {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", name+"@example.com", &packet.Config{Time: at(500), KeyLifetimeSecs: lifetime, Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	return &signer{t, e}
}

func at(seconds int64) func() time.Time { return func() time.Time { return time.Unix(seconds, 0) } }

func (s *signer) id() string { return s.entity.PrimaryKey.KeyIdString() }

func (s *signer) public() string {
	s.t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
	if err == nil {
		err = s.entity.Serialize(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out.String()
}

func (s *signer) sign(text string, config *packet.Config) string {
	s.t.Helper()
	var out bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&out, s.entity, strings.NewReader(text), config); err != nil {
		s.t.Fatal(err)
	}
	return out.String() + "\n"
}

// ring is the keyring of these people.
func ring(t *testing.T, people ...*signer) *source.Signers {
	t.Helper()
	keys := map[string]string{}
	for _, p := range people {
		keys[p.id()] = p.public()
	}
	found, errs := source.NewSigners(keys)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return found
}

// object writes an object as it stands.
func (f *forge) object(kind, content string) git.Hash {
	f.t.Helper()
	cmd := exec.Command("git", "hash-object", "-w", "-t", kind, "--stdin")
	cmd.Dir, cmd.Stdin = f.work, strings.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		f.t.Fatal(err)
	}
	return git.Hash(strings.TrimSpace(string(out)))
}

// signed makes a commit of the present tree, and moves main to it. A nil signature makes none.
func (f *forge) signed(message string, signature func(payload string) string, parents ...git.Hash) git.Hash {
	f.t.Helper()
	head := "tree " + strings.TrimSpace(f.run(f.work, "write-tree")) + "\n"
	for _, p := range parents {
		head += "parent " + string(p) + "\n"
	}
	head += "author Ann <ann@example.com> 600 +0000\ncommitter Ann <ann@example.com> 600 +0000\n"
	text := head + "\n" + message + "\n"
	if signature != nil {
		text = head + "gpgsig " + strings.ReplaceAll(strings.TrimRight(signature(text), "\n"), "\n", "\n ") + "\n\n" + message + "\n"
	}
	id := f.object("commit", text)
	f.publish("refs/heads/main", id)
	return id
}

func (f *forge) tagged(name, inside string, target git.Hash, by *signer) {
	f.t.Helper()
	text := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger Ann <ann@example.com> 600 +0000\n\nrelease\n", target, inside)
	if by != nil {
		text += by.sign(text, &packet.Config{Time: at(600)})
	}
	f.publish("refs/tags/"+name, f.object("tag", text))
}

func (f *forge) publish(ref string, id git.Hash) {
	f.t.Helper()
	f.run(f.work, "push", "-q", "-f", "../shop.git", string(id)+":"+ref)
}

// refusal is what is said of a revision that must be signed; "" where it is let through.
func (f *forge) refusal(revision string, want source.Integrity) string {
	f.t.Helper()
	if want.Named == "" {
		want.Named = revision
	}
	_, err := f.sources.At(f.t.Context(), source.Query{RepoURL: f.url, Revision: revision, Fresh: true, Integrity: &want})
	if err == nil {
		return ""
	}
	fault, ok := object.AsFault(err)
	if !ok {
		f.t.Fatal(err)
	}
	return fault.Message
}

func TestOnlySignedCommitsAreRead(t *testing.T) {
	f := newForge(t)
	f.push("one")
	ann, mallory, stranger, late := newSigner(t, "ann", 0), newSigner(t, "mallory", 0), newSigner(t, "stranger", 0), newSigner(t, "late", 200)
	f.signers = ring(t, ann, mallory, late)
	by := func(s *signer) func(string) string {
		return func(text string) string { return s.sign(text, &packet.Config{Time: at(600)}) }
	}
	want := source.Integrity{Keys: []string{ann.id(), late.id()}}
	for name, c := range map[string]struct {
		sign func(string) string
		says string // "" is let through
	}{
		"by an allowed key":               {by(ann), ""},
		"unsigned":                        {nil, "unsigned (key_id=)"},
		"by another key of the keyring":   {by(mallory), "signed with unallowed key (key_id=" + mallory.id() + ")"},
		"by a key that is not known":      {by(stranger), "signed with key not in keyring (key_id=" + stranger.id() + ")"},
		"by a key that has expired since": {by(late), "signed with expired key (key_id=" + late.id() + ")"},
		"with the signature of another commit": {func(string) string { return ann.sign("something else", &packet.Config{Time: at(600)}) },
			"bad signature (key_id=" + ann.id() + ")"},
		"that has expired": {func(text string) string {
			return ann.sign(text, &packet.Config{Time: at(600), SigLifetimeSecs: 10})
		}, "expired signature"},
		"with a promise":          {func(string) string { return "trust me" }, "bad signature"},
		"with an SSH signature":   {func(string) string { return "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----" }, "bad signature"},
		"with a key in its place": {func(string) string { return ann.public() }, "bad signature"},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			id := f.signed(name, c.sign)
			for _, revision := range []string{"main", string(id)} {
				got := f.refusal(revision, want)
				if c.says == "" && got != "" || c.says != "" && !strings.Contains(got, c.says) {
					t.Errorf("%s: %q, want %q", revision, got, c.says)
				}
			}
		})
	}
	f.t = t
	good := f.signed("good", by(ann))
	if got := f.refusal("main", source.Integrity{Keys: []string{strings.ToLower(fmt.Sprintf("%X", ann.entity.PrimaryKey.Fingerprint))}}); got != "" {
		t.Errorf("a key by its fingerprint: %s", got)
	}
	if got := f.refusal("main", source.Integrity{}); !strings.Contains(got, "unallowed key") {
		t.Errorf("without any key: %q", got)
	}
	f.signers = nil
	if got := f.refusal(string(good), want); !strings.Contains(got, "not in keyring") {
		t.Errorf("without a keyring: %q", got)
	}
}

// What is signed is all of the commit: whoever changes anything has another commit, whose signature is bad.
func TestATamperedCommitIsRefused(t *testing.T) {
	f := newForge(t)
	f.push("one")
	ann := newSigner(t, "ann", 0)
	f.signers = ring(t, ann)
	want := source.Integrity{Keys: []string{ann.id()}}
	var kept string
	f.signed("honest", func(text string) string {
		kept = ann.sign(text, &packet.Config{Time: at(600)})
		return kept
	})
	if got := f.refusal("main", want); got != "" {
		t.Fatal(got)
	}
	if err := os.WriteFile(filepath.Join(f.work, "file"), []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.run(f.work, "add", "-A")
	f.signed("honest", func(string) string { return kept })
	if got := f.refusal("main", want); !strings.Contains(got, "bad signature") {
		t.Errorf("another tree under the signature: %q", got)
	}
	tree := strings.TrimSpace(f.run(f.work, "write-tree"))
	header := "gpgsig " + strings.ReplaceAll(strings.TrimRight(kept, "\n"), "\n", "\n ") + "\n"
	twice := f.object("commit", "tree "+tree+"\nauthor Ann <ann@example.com> 600 +0000\ncommitter Ann <ann@example.com> 600 +0000\n"+header+header+"\nhonest\n")
	f.publish("refs/heads/main", twice)
	if got := f.refusal("main", want); !strings.Contains(got, "more than one signature") {
		t.Errorf("two signatures: %q", got)
	}
}

func TestSignedTags(t *testing.T) {
	f := newForge(t)
	f.push("one")
	ann, mallory := newSigner(t, "ann", 0), newSigner(t, "mallory", 0)
	f.signers = ring(t, ann, mallory)
	want := source.Integrity{Keys: []string{ann.id()}}
	plain := f.signed("unsigned", nil)
	f.tagged("v1", "v1", plain, ann)
	f.tagged("v2", "v2", plain, nil)
	f.tagged("v3", "v3", plain, mallory)
	f.tagged("v9", "v1", plain, ann) // who may push points another name at what was signed
	f.publish("refs/tags/light", plain)
	for revision, says := range map[string]string{
		"v1": "", "v2": "Failed verifying revision v2 by 'Ann <ann@example.com>': unsigned", "v3": "unallowed key", "v9": "the tag is of another name",
		"light": "unsigned", "main": "unsigned", string(plain): "unsigned",
	} {
		got := f.refusal(revision, want)
		if says == "" && got != "" || says != "" && !strings.Contains(got, says) {
			t.Errorf("%s: %q, want %q", revision, got, says)
		}
	}
	// A sync pins the commit, and what the application names is still the tag; but only as long as it is the tag of that commit.
	pinned := want
	pinned.Named = "v1"
	if got := f.refusal(string(plain), pinned); got != "" {
		t.Errorf("pinned: %s", got)
	}
	other := f.signed("another", nil)
	if got := f.refusal(string(other), pinned); !strings.Contains(got, "unsigned") {
		t.Errorf("another commit under the tag's name: %q", got)
	}
	history := want
	history.History = true
	if got := f.refusal("v1", history); !strings.Contains(got, string(plain)) {
		t.Errorf("with its history: %q", got)
	}
}

func TestHistoryIsVerifiedBackToASeal(t *testing.T) {
	f := newForge(t)
	f.push("one")
	ann, mallory := newSigner(t, "ann", 0), newSigner(t, "mallory", 0)
	f.signers = ring(t, ann, mallory)
	sign := func(s *signer) func(string) string {
		return func(text string) string { return s.sign(text, &packet.Config{Time: at(600)}) }
	}
	want := source.Integrity{Keys: []string{ann.id()}, History: true}
	root := f.signed("root", nil)
	top := f.signed("top", sign(ann), root)
	if got := f.refusal("main", want); !strings.Contains(got, string(root)) || strings.Contains(got, string(top)) {
		t.Errorf("an unsigned root: %q", got)
	}
	if got := f.refusal("main", source.Integrity{Keys: want.Keys}); got != "" {
		t.Errorf("the head alone: %s", got)
	}
	forged := f.signed("seal\n\nArgocd-gpg-seal: I say so", sign(mallory), root)
	f.signed("on it", sign(ann), forged)
	if got := f.refusal("main", want); !strings.Contains(got, string(forged)) || !strings.Contains(got, string(root)) {
		t.Errorf("a seal by another key: %q", got)
	}
	f.signed("quoting Argocd-gpg-seal: nothing\n\nthe end", sign(ann), root)
	if got := f.refusal("main", want); !strings.Contains(got, string(root)) {
		t.Errorf("a seal that is only spoken of: %q", got)
	}
	seal := f.signed("seal\n\nArgocd-gpg-seal: reviewed", sign(ann), root)
	f.signed("merge", sign(ann), seal, root)
	if got := f.refusal("main", want); !strings.Contains(got, string(root)) {
		t.Errorf("a way around the seal: %q", got)
	}
	f.signed("after", sign(ann), f.signed("between", sign(ann), seal))
	for range 2 {
		if got := f.refusal("main", want); got != "" {
			t.Errorf("all signed since the seal: %s", got)
		}
	}
	f.signed("slipped in", nil, seal)
	f.signed("after", sign(ann), git.Hash(strings.TrimSpace(f.run(f.work, "ls-remote", "../shop.git", "refs/heads/main")[:40])))
	if got := f.refusal("main", want); strings.Count(got, "unsigned") != 1 {
		t.Errorf("one unsigned commit since: %q", got)
	}
}

// What git and gpg make, with a subkey as people have it, is what is verified here.
func TestSignaturesOfGnuPG(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("there is no gpg")
	}
	f := newForge(t)
	home, err := os.MkdirTemp("", "gpg") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	gpg := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %v: %v", args, err)
		}
		return string(out)
	}
	gpg("--quick-generate-key", "Ann <a@b.c>", "ed25519", "cert", "never")
	fingerprint := ""
	for line := range strings.Lines(gpg("--with-colons", "--list-keys")) {
		if rest, ok := strings.CutPrefix(line, "fpr:::::::::"); ok && fingerprint == "" {
			fingerprint = strings.TrimSuffix(strings.TrimSpace(rest), ":")
		}
	}
	gpg("--quick-add-key", fingerprint, "rsa2048", "sign", "never")
	wrapper := filepath.Join(home, "gpg.sh")
	script := "#!/bin/sh\nexec gpg --homedir " + home + " --batch --pinentry-mode loopback --passphrase '' \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	f.push("one")
	for key, value := range map[string]string{"gpg.program": wrapper, "user.signingkey": fingerprint} {
		f.run(f.work, "config", key, value)
	}
	f.run(f.work, "commit", "-q", "-S", "--allow-empty", "-m", "signed\n\nin two paragraphs")
	f.run(f.work, "tag", "-s", "v1", "-m", "release", "HEAD~1")
	f.run(f.work, "push", "-q", "../shop.git", "main", "--tags")
	f.clock.Store(time.Now().Unix())
	signers, errs := source.NewSigners(map[string]string{"ann": gpg("--armor", "--export")})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	f.signers = signers
	for _, revision := range []string{"main", "v1"} {
		if got := f.refusal(revision, source.Integrity{Keys: []string{fingerprint}}); got != "" {
			t.Errorf("%s: %s", revision, got)
		}
	}
}

func TestKeysThatCannotBeReadAreNamed(t *testing.T) {
	ann := newSigner(t, "ann", 0)
	found, errs := source.NewSigners(map[string]string{"bad": "not a key", ann.id(): ann.public()})
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "key bad") || found == nil {
		t.Errorf("%v", errs)
	}
}
