package render

import (
	"errors"
	"io/fs"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// job is what a worker is asked to render.
type job struct {
	Tool        string
	Path        string // without symbolic links
	Source      argo.ApplicationSource
	Name        string // of the release
	Namespace   string
	KubeVersion string
	APIVersions []string
	Seed        []byte
	Refs        []string
	Remotes     []Remote // that are at hand, in trees of their own
	Missing     []Remote // that were tried, and are not there
	Switches    Switches
	Folders     []folder // of the application's tree; the blob holds their contents
	Forget      bool     // what was given before
}

// folder is a listing, with the contents of its small files. A worker keeps both by git's ids: what it was given before is not sent again.
type folder struct {
	Path    string
	ID      git.Hash `json:",omitempty"`
	Given   bool     `json:",omitempty"` // before; there are no entries
	Entries []item   `json:",omitempty"`
}

// item is a line of a listing. What has an ID is what it is, whoever reads it: a folder, or a file that stands for nothing else. Size is
// that of the content in the frame's blob, where the items follow each other; -1 says that the content is not there.
type item struct {
	Name string
	Type fs.FileMode `json:",omitempty"` // fs.ModeDir, fs.ModeSymlink or 0
	ID   git.Hash    `json:",omitempty"`
	Size int
}

// The questions of a worker.
const (
	askFolder = "folder" // a folder to keep; noted only for what is used of it
	askRead   = "read"
	askList   = "list"
	askStat   = "stat"
	askReal   = "real"
)

type query struct {
	Op   string
	Tree string // "" or the name of a ref
	Path string
	ID   git.Hash // of a file whose content is kept
}

// reply answers a query; the blob is a file's content, or those of a folder.
type reply struct {
	Problem *problem `json:",omitempty"`
	Linked  bool     `json:",omitempty"` // the folder is behind a symbolic link: ask for each name
	Folder  folder
	Real    string
	Dir     bool
	Size    int64
}

// use is what a worker learned from a folder that it kept.
type use struct {
	Tree  string
	Dir   string
	List  bool     // the listing
	Names []string // each whether it is there or not
}

// outcome ends a job.
type outcome struct {
	Objects  []written // the blob holds their JSON
	Warnings []string
	Fault    *object.Fault
	Error    string // a fault of ours
	Random   bool
	Tainted  bool // discard the worker
	Uses     []use
	Lacks    []lack // then there is nothing but the uses beside it
}

// written is an object in the blob.
type written struct {
	Size  int
	Place object.Place
}

// problem is an error of a Files method as it passes the pipe.
type problem struct {
	Code string
	Text string
}

var codes = []struct {
	code string
	err  error
}{
	{"not exist", fs.ErrNotExist}, {"invalid", fs.ErrInvalid}, {"outside", git.ErrOutside}, {"circle", git.ErrCircle}, {"too large", git.ErrTooLarge},
}

func problemOf(err error) *problem {
	if err == nil {
		return nil
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return &problem{Code: c.code, Text: err.Error()}
		}
	}
	return &problem{Text: err.Error()}
}

// err is the error again; one without a code is ours, not the repository's.
func (p *problem) err(op, name string) error {
	if p == nil {
		return nil
	}
	for _, c := range codes {
		if c.code == p.Code {
			return &fs.PathError{Op: op, Path: name, Err: c.err}
		}
	}
	return &trouble{p.Text}
}

// trouble is an error that the repository's authors cannot mend, such as a damaged object store.
type trouble struct{ text string }

func (t *trouble) Error() string { return t.text }
