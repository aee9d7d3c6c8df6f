package git_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's own
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// TestAFileOfHalfAGigabyte is fetched, for it compresses well, and refused by its size: it is in no one's memory.
func TestAFileOfHalfAGigabyte(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds to make")
	}
	u := newUpstream(t)
	huge := filepath.Join(u.work, "app", "huge.yaml")
	if err := os.MkdirAll(filepath.Dir(huge), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 500<<20); err != nil {
		t.Fatal(err)
	}
	u.git("config", "core.bigFileThreshold", "8m")
	u.git("config", "core.compression", "1")
	run(t, u.bare, "config", "core.bigFileThreshold", "8m")
	head := u.commit("huge", map[string]string{"app/small.yaml": "s"})
	u.push("main")
	m := u.store(git.Options{MaxMemory: 300 << 20}).Mirror(u.url)
	fetch(t, m)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tr := tree(t, m.Repository(), head)
	if err := tr.Warm("app", 100); err != nil {
		t.Errorf("warm: %v", err)
	}
	if _, err := tr.ReadFile("app/huge.yaml"); !errors.Is(err, git.ErrTooLarge) || !strings.Contains(err.Error(), "524288000 bytes") {
		t.Errorf("huge: %v", err)
	}
	if info, err := tr.Stat("app/huge.yaml"); err != nil || info.Size() != 500<<20 {
		t.Errorf("stat: %v, %v", info, err)
	}
	if b, err := tr.ReadFile("app/small.yaml"); err != nil || string(b) != "s" {
		t.Errorf("small reads %q, %v", b, err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("it took %d MB of memory", took>>20)
	}
}

// entry writes an object of a pack: its kind (3 for a blob, 7 for a delta of the object named), and what is in it.
func entry(pack *bytes.Buffer, kind byte, base string, content []byte) {
	size := len(content)
	b := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		pack.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	pack.WriteByte(b)
	if base != "" {
		raw, err := hex.DecodeString(base)
		if err != nil {
			panic(err)
		}
		pack.Write(raw)
	}
	w := zlib.NewWriter(pack)
	_, _ = w.Write(content)
	_ = w.Close()
}

// varint is a size as deltas write it.
func varint(n int) (out []byte) {
	for ; n > 0x7f; n >>= 7 {
		out = append(out, byte(n&0x7f)|0x80)
	}
	return append(out, byte(n))
}

// grow is a delta that writes its base, of some size, many times over.
func grow(size, times int) []byte {
	out := append(varint(size), varint(size*times)...)
	for range times {
		for at := 0; at < size; at += 0x10000 { // 0x10000 bytes are the most, and what no size means
			out = append(out, 0x80|0x0f, byte(at), byte(at>>8), byte(at>>16), byte(at>>24))
		}
	}
	return out
}

func blobID(size int) string {
	h := sha1.New() //nolint:gosec // git's own
	_, _ = h.Write([]byte("blob " + strconv.Itoa(size) + "\x00"))
	zeros := make([]byte, 1<<16)
	for ; size > 0; size -= len(zeros) {
		_, _ = h.Write(zeros)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestPackBombsRunIntoABound serves a pack of a few KB whose last object takes 256 MB: each is a delta that repeats the one before.
func TestPackBombsRunIntoABound(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux bounds another process")
	}
	if testing.Short() {
		t.Skip("it takes seconds to make")
	}
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	m := u.store(git.Options{MaxMemory: 100 << 20}).Mirror(u.url)
	fetch(t, m)

	var pack bytes.Buffer
	pack.WriteString("PACK")
	sizes := []int{1 << 16, 1 << 20, 16 << 20, 256 << 20}
	_ = binary.Write(&pack, binary.BigEndian, []uint32{2, uint32(len(sizes))})
	entry(&pack, 3, "", make([]byte, sizes[0]))
	for i := 1; i < len(sizes); i++ {
		entry(&pack, 7, blobID(sizes[i-1]), grow(sizes[i-1], sizes[i]/sizes[i-1]))
	}
	sum := sha1.Sum(pack.Bytes()) //nolint:gosec // git's own
	pack.Write(sum[:])
	if pack.Len() > 100_000 {
		t.Fatalf("the bomb is %d bytes itself", pack.Len())
	}
	index := exec.CommandContext(t.Context(), "git", "index-pack", "--stdin")
	index.Dir, index.Stdin = u.work, &pack
	if out, err := index.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, size := range sizes { // all of them, or the server would write the last one out
		u.git("update-index", "--add", "--cacheinfo", "100644,"+blobID(size)+",bomb"+strconv.Itoa(i))
	}
	u.git("commit", "-q", "-m", "bomb")
	u.git("config", "pack.packSizeLimit", "0")
	run(t, u.bare, "config", "core.bigFileThreshold", "2g")
	// The pack is put there as it is: a push would unpack it.
	packs, err := filepath.Glob(filepath.Join(u.work, ".git", "objects", "pack", "pack-*"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("packs: %v, %v", packs, err)
	}
	for _, p := range packs {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(u.bare, "objects", "pack", filepath.Base(p)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bomb := u.head()
	u.push("main:refs/pull/1/head")
	err = m.FetchPulls(t.Context(), nil, "refs/pull/1/head")
	if err == nil || m.Pulls().Has(t.Context(), bomb) {
		t.Fatalf("the bomb was taken in: %v", err)
	}
	t.Log(err)
	if b, err := tree(t, m.Repository(), resolve(t, m.Repository(), "main")).ReadFile("a"); err != nil || string(b) != "1" {
		t.Errorf("beside it, a reads %q, %v", b, err)
	}
	fetch(t, m)
}

func TestForgedTreesAreNotFetched(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	dir := t.TempDir()
	m := u.store(git.Options{Dir: dir}).Mirror(u.url)
	fetch(t, m)
	run(t, u.bare, "config", "receive.fsckObjects", "false")
	for _, name := range []string{"..", ".", ".git", ".GIT", "a/b", ".g\u200cit"} {
		raw := "100644 " + name + "\x00" + strings.Repeat("\x11", 20)
		file := filepath.Join(t.TempDir(), "tree")
		id, err := hex.DecodeString(strings.TrimSpace(u.git("rev-parse", "HEAD:a")))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(raw, strings.Repeat("\x11", 20), string(id), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		forged := strings.TrimSpace(u.git("hash-object", "-t", "tree", "--literally", "-w", file))
		h := strings.TrimSpace(u.git("commit-tree", forged, "-p", "HEAD", "-m", "forged"))
		u.push(h + ":refs/pull/1/head")
		if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err == nil || m.Pulls().Has(t.Context(), git.Hash(h)) {
			t.Errorf("a tree with an entry named %q was fetched", name)
		}
	}
	if got := resolve(t, m.Repository(), "main"); got != one {
		t.Errorf("main is %s", got)
	}
	if broken, _ := filepath.Glob(filepath.Join(dir, "*.broken-*")); len(broken) > 0 {
		t.Error("what a stranger forged is taken for damage of ours")
	}
}

func TestOddNamesOfFilesAndRefs(t *testing.T) {
	u := newUpstream(t)
	files := map[string]string{"-rf": "1", "--help": "2", "$(id)": "3", "a\nb": "4", "\"quoted\\": "5", "sp ace ": "6", "tab\tin": "7", "\xff\xfe": "8", "…/ünï": "9", "%2e%2e": "10"}
	one := u.commit("one", files)
	u.git("tag", "v1.0.0")
	u.push("refs/tags/v1.0.0", string(one)+":refs/heads/main") // while git itself can still tell which is meant
	two := u.commit("two", nil)
	refs := []string{"refs/heads/-x", "refs/heads/--upload-pack=id", "refs/heads/$(id)", "refs/heads/`id`", "refs/heads/refs/tags/v1.0.0", "refs/heads/HEAD",
		"refs/heads/" + string(one), "refs/heads/v1.0.0", "refs/tags/v9.9.9;id", "refs/heads/ünï", "refs/heads/a\"b", "refs/tags/refs/heads/main"}
	for _, ref := range refs {
		u.git("update-ref", ref, string(two))
		u.push(ref + ":" + ref)
	}
	u.push(string(two) + ":refs/heads/dir")
	DIR := t.TempDir()
	m := u.store(git.Options{Dir: DIR}).Mirror(u.url)
	fetch(t, m)
	r := m.Repository()
	for revision, want := range map[string]git.Hash{"": one, "HEAD": one, "main": one, "refs/heads/main": one, "refs/tags/v1.0.0": one, "v1.0.0": two,
		string(one): one, "-x": two, "$(id)": two, "--upload-pack=id": two, ">= 1.0.0": one, "refs/heads/v1.0.0": two, "ünï": two} {
		if got := resolve(t, r, revision); got != want {
			t.Errorf("%q resolved to %s, want %s", revision, got, want)
		}
	}
	tr := tree(t, r, one)
	for name, want := range files {
		b, err := tr.ReadFile(name)
		if name == "\xff\xfe" { // io/fs knows no such names
			if err == nil {
				t.Errorf("%q reads %q", name, b)
			}
			continue
		}
		if err != nil || string(b) != want {
			t.Errorf("%q reads %q, %v", name, b, err)
		}
	}
	if list, err := tr.ReadDir("."); err != nil || len(list) != len(files) {
		t.Errorf("lists %d, %v", len(list), err)
	}
	if changes, err := r.Changed(t.Context(), one, two); err != nil || len(changes) != 0 {
		t.Errorf("changed: %v, %v", changes, err)
	}

	// A branch that becomes a folder of branches, and the other way round.
	u.push(":refs/heads/dir")
	u.push(string(two) + ":refs/heads/dir/sub")
	fetch(t, m)
	if got := resolve(t, r, "dir/sub"); got != two {
		t.Errorf("dir/sub is %s", got)
	}
	u.push(":refs/heads/dir/sub")
	u.push(string(two) + ":refs/heads/dir")
	fetch(t, m)
	if got := resolve(t, r, "dir"); got != two {
		t.Errorf("dir is %s", got)
	}
}
