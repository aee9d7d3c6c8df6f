package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-cd/slipway/engine/source"
)

func TestChartsThatAreGoneAreFetchedAgain(t *testing.T) {
	s := newShop(t)
	dir := t.TempDir()
	s.open(dir)
	s.stock("1.0.0")
	s.want(source.Query{Revision: "1.0.0"}, "1.0.0")
	imports, err := filepath.Glob(filepath.Join(dir, "imports", "*"))
	if err != nil || len(imports) != 1 {
		t.Fatalf("imports: %v, %v", imports, err)
	}
	if err := os.RemoveAll(imports[0]); err != nil {
		t.Fatal(err)
	}
	s.want(source.Query{Revision: "1.0.0"}, "1.0.0")
	if n := s.count("/web-1.0.0.tgz"); n != 2 {
		t.Errorf("it was downloaded %d times", n)
	}
}

func TestDamagedRepositoriesAreFetchedAgainForACommit(t *testing.T) {
	f := newFamily(t)
	head := f.add("shop", map[string]string{"a": "shop"}, "", "")
	q := source.Query{RepoURL: f.url + "shop.git", Revision: head}
	tree, err := f.sources.At(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Glob(filepath.Join(f.dir, "mirrors", "*", "first.git", "objects", "pack", "*"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("packs: %v, %v", packs, err)
	}
	for _, p := range packs {
		if err := errors.Join(os.Chmod(p, 0o600), os.Truncate(p, 40)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tree.ReadFile("a"); err == nil {
		t.Fatal("it reads what is not there")
	}
	for range 2 { // the first may still see what was known before
		if tree, err = f.sources.At(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := tree.ReadFile("a"); err != nil || string(b) != "shop" {
		t.Errorf("reads %q, %v", b, err)
	}
}
