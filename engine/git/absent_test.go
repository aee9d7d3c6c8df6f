package git_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsAbsentIsSaid(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{
		"app/values.yaml": "a: 1\n", "app/big.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12\n",
		"app/unread.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("b", 64) + "\nsize 12\n", "app/link": "-> ../vendor/lib",
		"notes.md": "about version https://git-lfs.github.com/spec/v1\n",
	})
	u.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",vendor/lib")
	u.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("2", 40)+",vendor/other")
	u.git("commit", "-q", "-m", "submodules")
	head := u.head()
	u.push("main")
	m := u.mirror()
	fetch(t, m)

	traced := tree(t, m.Repository(), head).Traced()
	for _, name := range []string{"app/values.yaml", "app/big.yaml", "notes.md"} {
		if _, err := traced.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := traced.ReadFile("vendor/lib/Chart.yaml"); err == nil {
		t.Error("a submodule has a file")
	}
	if got, err := traced.ReadDir("app/link"); err != nil || len(got) > 0 {
		t.Errorf("a submodule lists %v, %v", got, err)
	}
	want := []string{"app/big.yaml is kept by Git LFS, which is not fetched: what was read is its pointer",
		"vendor/lib is a submodule, which is not fetched: it was read as an empty folder"}
	if d := cmp.Diff(want, traced.Absent(100)); d != "" {
		t.Error(d)
	}
	if got := traced.Absent(1); len(got) != 1 {
		t.Errorf("more than the limit: %v", got)
	}
}
