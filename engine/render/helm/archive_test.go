package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/slipway-cd/slipway/engine/object"
)

func archive(t testing.TB, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	entries := tar.NewWriter(zip)
	for _, name := range names {
		if err := entries.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := entries.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestArchivesKeepToTheirChart(t *testing.T) {
	for name, fine := range map[string]bool{"sub/Chart.yaml": true, "./sub/x": true, "sub/a..b": true, "sub/..c/d": true, "c/x:y": true,
		"/x": false, "//x": false, `\x`: false, "..": false, "sub/../x": false, `sub\..\x`: false, "C:x": false, `c:\x`: false} {
		err := checkArchive(archive(t, "sub/Chart.yaml", name), "sub.tgz")
		if (err == nil) != fine {
			t.Errorf("%q: %v", name, err)
		}
		if _, ok := object.AsFault(err); err != nil && !ok {
			t.Errorf("%q: %v is no fault", name, err)
		}
	}
	for name, packed := range map[string][]byte{"cut short": archive(t, "x", "y")[:30], "no archive": []byte("text"), "empty": nil} {
		if err := checkArchive(packed, "sub.tgz"); err != nil {
			if _, ok := object.AsFault(err); !ok {
				t.Errorf("%s: %v is no fault", name, err)
			}
		}
	}
}

func FuzzCheckArchive(f *testing.F) {
	f.Add(archive(f, "sub/Chart.yaml"))
	f.Add(archive(f, "/x", "../y"))
	f.Add([]byte("\x1f\x8bnonsense"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		err := checkArchive(packed, "sub.tgz")
		if fault, ok := object.AsFault(err); err != nil && (!ok || fault.File != "sub.tgz") {
			t.Errorf("%v is no fault of the file", err)
		}
	})
}
