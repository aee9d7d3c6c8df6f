package git

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// pointerStart begins every file that Git LFS keeps elsewhere, and maxPointer is the longest that one may be.
const (
	pointerStart = "version https://git-lfs.github.com/spec/"
	maxPointer   = 1024
)

// Absent says, a line for each, what a reader looked for that is not in the repository itself: folders of submodules, which are
// empty here, and files of Git LFS, of which there is only the pointer. It is in order, each once, at most limit lines.
func (t *Traced) Absent(limit int) []string {
	var out []string
	for _, e := range t.Trace() {
		line := t.tree.absent(e)
		if line != "" && !slices.Contains(out, line) {
			out = append(out, line)
		}
		if len(out) == limit {
			break
		}
	}
	return out
}

func (t *Tree) absent(e Entry) string {
	if e.Op == Read {
		b, err := t.objects.blob(e.OID)
		if err == nil && len(b) <= maxPointer && bytes.HasPrefix(b, []byte(pointerStart)) {
			return fmt.Sprintf("%s is kept by Git LFS, which is not fetched: what was read is its pointer", e.Path)
		}
		return ""
	}
	dir := entry{id: t.root}
	at := 0
	for part := range strings.SplitSeq(e.Path, "/") {
		l, err := t.objects.tree(dir.id)
		if err != nil {
			return ""
		}
		next, ok := l.find(part)
		if !ok || !next.mode.IsDir() {
			return ""
		}
		at += len(part)
		if next.sub {
			return fmt.Sprintf("%s is a submodule, which is not fetched: it was read as an empty folder", e.Path[:at])
		}
		at++ // the slash
		dir = next
	}
	return ""
}
