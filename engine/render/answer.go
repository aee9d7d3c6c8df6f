package render

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
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
func (l library) answer(q query) (reply, [][]byte) {
	t, ok := l[q.Tree]
	if !ok {
		return reply{Problem: &problem{Text: fmt.Sprintf("there is no tree %q", q.Tree)}}, nil
	}
	switch q.Op {
	case askFolder:
		return serveFolder(t.Tree(), q.Path)
	case askRead:
		b, err := t.ReadFile(q.Path)
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
func serveFolder(t *git.Tree, name string) (reply, [][]byte) {
	real, err := t.Real(name)
	if err != nil {
		return reply{Problem: problemOf(err)}, nil
	}
	if real != name {
		return reply{Linked: true}, nil
	}
	var g gathering
	if err := g.add(t, name); err != nil {
		return reply{Problem: problemOf(err)}, nil
	}
	return reply{Folder: g.folders[0]}, g.blob
}

// gathering collects folders and their contents within the bounds.
type gathering struct {
	folders []folder
	blob    [][]byte
	files   int
	bytes   int
}

func (g *gathering) add(t *git.Tree, name string) error {
	entries, err := t.ReadDir(name)
	if err != nil {
		return err
	}
	f := folder{Path: name, Entries: make([]item, 0, len(entries))}
	for _, e := range entries {
		it := item{Name: e.Name(), Type: e.Type(), Size: -1}
		if it.Type == 0 && g.files < maxAlongFiles && g.bytes < maxAlong {
			g.files++
			b, err := t.ReadFile(path.Join(name, e.Name()))
			if err == nil && len(b) <= maxAlongFile && g.bytes+len(b) <= maxAlong && !isPointer(b) {
				it.Size = len(b)
				g.bytes += len(b)
				g.blob = append(g.blob, b)
			}
		}
		f.Entries = append(f.Entries, it)
	}
	g.folders = append(g.folders, f)
	return nil
}

// isPointer says whether a content may stand for a file of Git LFS. Such a file is asked for by name, so that its trace tells of it.
func isPointer(b []byte) bool {
	return bytes.HasPrefix(b, []byte("version https://git-lfs.github.com/spec/")) || bytes.HasPrefix(b, []byte("version https://hawser.github.com/spec/"))
}

// along gathers an application's folder and those below it, so that most renders need no question.
func along(t *git.Tree, dir string) (gathering, error) {
	if err := t.Warm(dir, maxAlongFiles); err != nil {
		return gathering{}, err
	}
	var g gathering
	queue := []string{dir}
	for len(queue) > 0 && len(g.folders) < maxAlongFolder && g.files < maxAlongFiles && g.bytes < maxAlong {
		name := queue[0]
		queue = queue[1:]
		if err := g.add(t, name); err != nil {
			if name != dir {
				continue // a submodule that cannot be read; who asks for it is told
			}
			return g, err
		}
		for _, it := range g.folders[len(g.folders)-1].Entries {
			if it.Type == fs.ModeDir {
				queue = append(queue, path.Join(name, it.Name))
			}
		}
	}
	return g, nil
}

// note puts what a worker used of kept folders into the traces.
func (l library) note(uses []use) {
	for _, u := range uses {
		t, ok := l[u.Tree]
		switch {
		case !ok:
		case u.List:
			_, _ = t.ReadDir(u.Path) // also when it is not there, that is noted
		default:
			_, _ = t.Real(u.Path)
		}
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
