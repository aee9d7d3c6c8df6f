package git

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x00" + strings.Repeat("\x01", 20) + "40000 d\x00" + strings.Repeat("\x02", 20)))
	f.Add([]byte("120000 l\x00" + strings.Repeat("\x01", 19)))
	f.Add([]byte("100644 ..\x00" + strings.Repeat("\x01", 20)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parseTree(raw, 20)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an unexpected error: %v", err)
			}
			return
		}
		for _, e := range l.entries {
			if (utf8.ValidString(e.name) && !fs.ValidPath(e.name)) || strings.Contains(e.name, "/") || e.name == "." || !e.id.IsFull() {
				t.Fatalf("entry %q of %s", e.name, e.id)
			}
			if got, ok := l.find(e.name); !ok || got != e {
				t.Fatalf("%q is not found again", e.name)
			}
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add("0123456789012345678901234567890123456789 blob 12")
	f.Add("0123456789012345678901234567890123456789 missing")
	f.Add("HEAD missing")
	f.Fuzz(func(t *testing.T, line string) {
		got, err := parseHeader(line)
		if err == nil && (!got.id.IsFull() || got.size < 0) {
			t.Fatalf("%q read as %+v", line, got)
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree 0123456789012345678901234567890123456789\nauthor A <a@b> 1 +0000\n\nmessage"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseCommit("x", raw)
		if err == nil && !c.Tree.IsFull() {
			t.Fatalf("a commit without a tree: %+v", c)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add("M\x00a\x00R100\x00b\x00c\x00")
	f.Add("")
	f.Fuzz(func(t *testing.T, out string) {
		changes, err := parseStatus(out)
		for _, c := range changes {
			if err == nil && c.Kind == "" {
				t.Fatalf("%q read as %+v", out, changes)
			}
		}
	})
}

func FuzzParseRemote(f *testing.F) {
	for _, s := range []string{"https://h/x.git", "git@h:x/y", "ssh://u@h:22/x", "ext::sh", "-x", "https://u:p@h/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseRemote(raw)
		if err != nil {
			return
		}
		url := r.url()
		if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "ssh://") {
			t.Fatalf("%q became %q", raw, url)
		}
		if r.scheme == "https" && strings.Contains(strings.TrimPrefix(url, "https://"+r.host), "@") != strings.Contains(r.path, "@") {
			t.Fatalf("%q kept its user: %q", raw, url)
		}
		again, err := parseRemote(url)
		if err != nil || again.key != r.key {
			t.Fatalf("%q reads as %q, and that as %q (%v)", raw, r.key, again.key, err)
		}
	})
}

func TestRedactCutsSecrets(t *testing.T) {
	got := redact("fatal: https://bob:hunter2@h/x: Authorization: Basic Ym9i hunter2", []string{"Ym9i", "hunter2"})
	for _, secret := range []string{"hunter2", "Ym9i", "bob"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q still shows %q", got, secret)
		}
	}
}
