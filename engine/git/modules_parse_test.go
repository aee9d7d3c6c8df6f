package git

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestResolveModule(t *testing.T) {
	for _, tc := range []struct{ base, raw, want string }{
		{"https://h/org/shop.git", "../lib.git", "https://h/org/lib.git"},
		{"https://h/org/shop.git/", "../../other/lib", "https://h/other/lib"},
		{"https://h:8443/org/shop", "./lib", "https://h:8443/org/shop/lib"},
		{"git@h:org/shop.git", "../lib.git", "ssh://git@h:22/org/lib.git"},
		{"https://h/org/shop.git", "https://other.example/lib.git", "https://other.example/lib.git"},
		{"https://h/org/shop.git", "git@other.example:lib.git", "git@other.example:lib.git"},
		{"https://h/shop.git", "../../../x", ""},
		{"https://h/shop.git", "..", ""},
		{"https://h/org/shop.git", "../%2e%2e/x", ""},
		{"https://h/org/shop.git", "/etc", ""},
		{"https://h/org/shop.git", "file:///etc", ""},
		{"https://h/org/shop.git", "ext::sh -c id", ""},
		{"https://h/org/shop.git", "--upload-pack=id", ""},
		{"https://h/org/shop.git", "http://h/x", ""},
		{"", "../lib.git", ""},
	} {
		got, err := resolveModule(tc.base, tc.raw)
		if got != tc.want || (err == nil) != (tc.want != "") || (err != nil && !errors.Is(err, ErrRefused)) {
			t.Errorf("%s from %s is %q, %v; want %q", tc.raw, tc.base, got, err, tc.want)
		}
	}
}

var configs = []string{
	"[submodule \"a\"]\n\tpath = vendor/a\n\turl = ../a.git\n",
	"; all\n[Submodule \"a b\"] # one\r\n  PATH=\"x y\" ; c\r\n  Url = a\\\n  b\\t\"c;d\"#e\n[submodule.Old]\npath=old\nurl=o\n",
	"[submodule \"q\\\"u\\\\o\"]\npath=p\nurl=u   \nurl = second\nbranch\n",
	"[core]\nx = 1\n[submodule \"a\"] path = inline\nurl = \"  kept  \"  \n",
	"[submodule \"a\"\npath=x", "path = x", "[submodule \"a\"]\n= x", "[submodule \"a\"]\nurl = \"open", "[submodule \"a\"]\nurl = \\q", "[]\n", "[submodule \"a\"]\nu_l = x",
	"", "\uFEFF[submodule \"a\"]\npath=x\nurl=y", "[include]\npath = /etc/passwd\n",
}

// TestConfigIsReadAsGitReadsIt holds the reader against git config.
func TestConfigIsReadAsGitReadsIt(t *testing.T) {
	for _, text := range configs {
		file := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, gitErr := exec.CommandContext(t.Context(), "git", "config", "--file", file, "--no-includes", "--list", "-z").Output()
		var want []string
		for entry := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
			if entry != "" {
				key, value, _ := strings.Cut(entry, "\n")
				want = append(want, key+"="+value)
			}
		}
		var got []string
		err := parseConfig(text, func(section, name, key, value string) {
			full := strings.TrimLeft(section+"."+name+"."+key, ".")
			got = append(got, strings.ReplaceAll(full, "..", ".")+"="+value)
		})
		if (err == nil) != (gitErr == nil) {
			t.Errorf("%q: %v, git says %v", text, err, gitErr)
		}
		if err == nil && !slices.Equal(got, want) {
			t.Errorf("%q reads %q, git reads %q", text, got, want)
		}
	}
}

func FuzzParseModules(f *testing.F) {
	for _, text := range configs {
		f.Add([]byte(text))
	}
	f.Add([]byte("[submodule \"x\"]\npath = ../../etc\nurl = u\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := parseModules(raw)
		for path, m := range all {
			if err != nil || !fs.ValidPath(path) || path == "." || m.URL == "" || m.Path != path {
				t.Fatalf("%q is %+v, %v", path, m, err)
			}
		}
	})
}

func FuzzParsePointer(f *testing.F) {
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12\n"))
	f.Add([]byte("version https://hawser.github.com/spec/v1\noid sha256:../../../etc/passwd\nsize -1\n"))
	f.Add([]byte("version https://git-lfs.github.com/spec/v1\noid md5:1\nsize 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, ok := parsePointer(raw)
		if ok && (len(p.oid) != 64 || !isHex(p.oid) || p.size < 0 || len(raw) > maxPointer) {
			t.Fatalf("%q is %+v", raw, p)
		}
	})
}

func FuzzReadLFSAnswer(f *testing.F) {
	oid := strings.Repeat("a", 64)
	f.Add(`{"transfer":"basic","objects":[{"oid":"` + oid + `","size":3,"actions":{"download":{"href":"https://h/x","header":{"A":"b"}}}}]}`)
	f.Add(`{"objects":[{"oid":"` + oid + `","error":{"code":404,"message":"https://u:p@h is gone"}}]}`)
	f.Add(`{"transfer":"custom","objects":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := readLFSAnswer(strings.NewReader(body), pointer{oid: oid, size: 3})
		if err == nil && (o.OID != oid || o.Actions.Download == nil) {
			t.Fatalf("%q is %+v", body, o)
		}
	})
}

func FuzzParseRaw(f *testing.F) {
	id := strings.Repeat("a", 40)
	f.Add(":100644 100644 " + id + " " + id + " M\x00a\x00:000000 160000 " + id + " " + id + " A\x00b\x00")
	f.Add(":1 2 3 4 5\x00::::\x00")
	f.Fuzz(func(t *testing.T, out string) {
		for _, id := range parseRaw(out) {
			if !id.IsFull() {
				t.Fatalf("%q gives %q", out, id)
			}
		}
	})
}
