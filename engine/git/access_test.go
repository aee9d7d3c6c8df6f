package git

import (
	"errors"
	"fmt"
	"testing"
)

func TestOneTreeHasOnlySoMuchFetched(t *testing.T) {
	r := &reach{mounts: map[string]*mount{}}
	for i := range maxLarge >> 25 {
		if err := r.afford(32 << 20); err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
	}
	if err := r.afford(1); !errors.Is(err, ErrRefused) {
		t.Errorf("one more file of LFS: %v", err)
	}
	for i := range maxMounts {
		if m := r.mounted(fmt.Sprint(i)); m.err != nil {
			t.Fatalf("submodule %d: %v", i, m.err)
		}
	}
	if m := r.mounted("more"); !errors.Is(m.err, ErrRefused) {
		t.Errorf("one more submodule: %v", m.err)
	}
	if m := r.mounted("0"); m.err != nil {
		t.Errorf("a submodule that was read before: %v", m.err)
	}
}
