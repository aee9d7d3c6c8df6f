package git

import (
	"fmt"
	"slices"
)

// Absent says, a line for each, what a reader looked for that it did not get: folders of submodules, which were empty, and files of Git
// LFS, of which it got the pointer. It is in order, each once, at most limit lines.
func (t *Traced) Absent(limit int) []string {
	var out []string
	for _, e := range t.Trace() {
		line := e.absent()
		if line != "" && !slices.Contains(out, line) {
			out = append(out, line)
		}
		if len(out) == limit {
			break
		}
	}
	return out
}

func (e Entry) absent() string {
	switch {
	case e.OID != "":
	case e.Op == Large:
		return fmt.Sprintf("%s is kept by Git LFS, which is not fetched: what was read is its pointer", e.Path)
	case e.Op == Sub:
		return fmt.Sprintf("%s is a submodule, which is not fetched: it was read as an empty folder", e.Path)
	}
	return ""
}
