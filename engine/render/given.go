package render

import (
	"io/fs"
	"path"

	"github.com/slipway-cd/slipway/engine/git"
)

// given is what a worker was given and keeps, by git's ids.
type given struct {
	folders map[git.Hash]bool // the listing; true when all that is below is there, too
	files   map[git.Hash]struct{}
	bytes   int // about what it takes
}

// Bounds of what a worker keeps. When it has more it forgets all of it, before a job.
const (
	maxGiven    = 96 << 20 // bytes
	maxKeptFile = 8 << 20  // bytes of one file
	perItem     = 200      // bytes that a line of a listing takes
)

func newGiven() *given {
	return &given{folders: map[git.Hash]bool{}, files: map[git.Hash]struct{}{}}
}

func (g *given) file(id git.Hash, size int) {
	if _, ok := g.files[id]; !ok {
		g.files[id] = struct{}{}
		g.bytes += size + perItem
	}
}

func (g *given) folder(id git.Hash, items int) {
	if _, ok := g.folders[id]; !ok && id != "" {
		g.folders[id] = false
		g.bytes += items * perItem
	}
}

// gathering collects folders and their contents within the bounds, but for what the worker has.
type gathering struct {
	given   *given
	folders []folder
	blob    [][]byte
	files   int
	bytes   int
	short   bool       // a bound was met: something is missing
	below   []git.Item // the folders in the last one that was added
}

func (g *gathering) add(t *git.Tree, name string) error {
	id, items, err := t.Folder(name)
	if err != nil {
		return err
	}
	g.below = g.below[:0]
	for _, it := range items {
		if it.Type == fs.ModeDir {
			g.below = append(g.below, it)
		}
	}
	f := folder{Path: name, ID: id}
	if _, f.Given = g.given.folders[id]; f.Given && id != "" {
		g.folders = append(g.folders, f)
		return nil
	}
	f.Given = false
	f.Entries = make([]item, 0, len(items))
	complete := true
	for _, it := range items {
		e := item{Name: it.Name, Type: it.Type, Size: -1}
		if it.Type == fs.ModeDir {
			e.ID = it.ID
		}
		if it.Type == 0 && !g.content(t, path.Join(name, it.Name), it.ID, &e) {
			complete = false
		}
		f.Entries = append(f.Entries, e)
	}
	g.folders = append(g.folders, f)
	if complete {
		g.given.folder(id, len(items))
	}
	g.short = g.short || !complete
	return nil
}

// content adds a file's, unless the worker has it, or is to ask for it. It is not ok when a bound is why.
func (g *gathering) content(t *git.Tree, name string, id git.Hash, e *item) (ok bool) {
	if _, has := g.given.files[id]; has {
		e.ID = id
		return true
	}
	if g.files >= maxAlongFiles || g.bytes >= maxAlong {
		return false
	}
	g.files++
	b, err := t.ReadFile(name)
	if err != nil || isPointer(b) {
		return true
	}
	e.ID = id
	if len(b) > maxAlongFile {
		return true
	}
	if g.bytes+len(b) > maxAlong {
		return false
	}
	e.Size = len(b)
	g.bytes += len(b)
	g.blob = append(g.blob, b)
	g.given.file(id, len(b))
	return true
}

// along gathers an application's folder and those below it, so that most renders need no question.
func along(t *git.Tree, dir string, to *given) (gathering, error) {
	g := gathering{given: to}
	if id, _, err := t.Folder(dir); err == nil && !to.folders[id] {
		if err := t.Warm(dir, maxAlongFiles); err != nil {
			return g, err
		}
	}
	queue := []string{dir}
	for len(queue) > 0 {
		if len(g.folders) >= maxAlongFolder || g.files >= maxAlongFiles || g.bytes >= maxAlong {
			g.short = true
			break
		}
		name := queue[0]
		queue = queue[1:]
		if err := g.add(t, name); err != nil {
			if name != dir {
				g.short = true
				continue // a submodule that cannot be read; who asks for it is told
			}
			return g, err
		}
		for _, it := range g.below {
			if !to.folders[it.ID] {
				queue = append(queue, path.Join(name, it.Name))
			}
		}
	}
	for _, f := range g.folders {
		if _, has := to.folders[f.ID]; has && !g.short {
			to.folders[f.ID] = true
		}
	}
	return g, nil
}
