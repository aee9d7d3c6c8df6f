package render

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
)

// Bounds of what is sent along unasked.
const (
	maxAlong       = 8 << 20   // bytes with one frame
	maxAlongFile   = 256 << 10 // bytes of one file
	maxAlongFiles  = 1000
	maxAlongFolder = 200
)

// library is the trees that one job may read, "" being the application's own.
type library map[string]*git.Traced

// answer serves a worker's question. What is asked name by name is noted in the tree's trace here and now; what is used of a
// whole folder is noted by note, at the end.
func (l library) answer(q query, to *given) (reply, [][]byte) {
	t, ok := l[q.Tree]
	if !ok {
		return reply{Problem: &problem{Text: fmt.Sprintf("there is no tree %q", q.Tree)}}, nil
	}
	switch q.Op {
	case askFolder:
		return serveFolder(t.Tree(), q.Path, to)
	case askRead:
		b, err := t.ReadFile(q.Path)
		if err == nil && q.ID != "" && len(b) <= maxKeptFile {
			to.file(q.ID, len(b))
		}
		return reply{Problem: problemOf(err)}, [][]byte{b}
	case askList:
		entries, err := t.ReadDir(q.Path)
		r := reply{Problem: problemOf(err), Folder: folder{Path: q.Path}}
		for _, e := range entries {
			r.Folder.Entries = append(r.Folder.Entries, item{Name: e.Name(), Type: e.Type(), Size: -1})
		}
		return r, nil
	case askStat:
		info, err := t.Stat(q.Path)
		if err != nil {
			return reply{Problem: problemOf(err)}, nil
		}
		return reply{Dir: info.IsDir(), Size: info.Size()}, nil
	case askReal:
		real, err := t.Real(q.Path)
		return reply{Problem: problemOf(err), Real: real}, nil
	}
	return reply{Problem: &problem{Text: fmt.Sprintf("there is no question %q", q.Op)}}, nil
}

// serveFolder lists one folder with its small files.
func serveFolder(t *git.Tree, name string, to *given) (reply, [][]byte) {
	real, err := t.Real(name)
	if err != nil {
		return reply{Problem: problemOf(err)}, nil
	}
	if real != name {
		return reply{Linked: true}, nil
	}
	g := gathering{given: to}
	if err := g.add(t, name); err != nil {
		return reply{Problem: problemOf(err)}, nil
	}
	return reply{Folder: g.folders[0]}, g.blob
}

// isPointer says whether a content may stand for a file of Git LFS. Such a file is asked for by name, so that its trace tells of it.
func isPointer(b []byte) bool {
	return bytes.HasPrefix(b, []byte("version https://git-lfs.github.com/spec/")) || bytes.HasPrefix(b, []byte("version https://hawser.github.com/spec/"))
}

// note puts what a worker used of kept folders into the traces.
func (l library) note(uses []use) {
	for _, u := range uses {
		t, ok := l[u.Tree]
		if !ok {
			continue
		}
		if u.List {
			_, _ = t.ReadDir(u.Dir) // also when it is not there, that is noted
		}
		t.Look(u.Dir, u.Names)
	}
}

// absent says what was looked for in submodules and files of LFS, in the order of trees.
func (l library) absent() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		for _, line := range l[name].Absent(maxWarnings) {
			switch {
			case strings.HasPrefix(name, remotePrefix):
				line = "in what was fetched: " + line
			case name != "":
				line = "in $" + strings.TrimPrefix(name, "$") + ": " + line
			}
			out = append(out, line)
		}
	}
	return out
}
