package source

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// Whatever an archive says, what comes of it lies within it.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x1f\x8b"), true)
	f.Add(append([]byte("web/Chart.yaml"), make([]byte, 1010)...), false)
	f.Fuzz(func(t *testing.T, text []byte, strip bool) {
		files, err := unpack(text, strip)
		if err != nil {
			return
		}
		for name, c := range files {
			if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
				t.Errorf("%q lies outside", name)
			}
			if c.Mode&fs.ModeSymlink != 0 && (path.IsAbs(string(c.Data)) || strings.HasPrefix(path.Join(path.Dir(name), string(c.Data))+"/", "../")) {
				t.Errorf("%q leads to %q", name, c.Data)
			}
		}
	})
}

// Whatever an index says, a version that is found is one that it has.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("entries:\n  web:\n  - version: 1.0.0\n    urls: [web.tgz]\n"), "1.x")
	f.Add([]byte("entries:\n  web:\n  - {version: 1.10}\n  - [x]\n"), "1.10")
	f.Add([]byte(`{"entries":{"web":[{"version":"2.0.0-rc.1"}]}}`), "*")
	f.Fuzz(func(t *testing.T, text []byte, revision string) {
		x, err := parseIndex(text)
		if err != nil {
			return
		}
		r, err := x.find(Query{RepoURL: "https://charts.example.com", Chart: "web", Revision: revision})
		if err == nil && !slices.ContainsFunc(x.Entries["web"], func(e release) bool { return e.Version == r.Version }) {
			t.Errorf("%q found version %q", revision, r.Version)
		}
	})
}
