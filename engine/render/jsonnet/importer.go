package jsonnet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	gojsonnet "github.com/google/go-jsonnet"
)

// importer finds imports in the repository: beside the file that imports, then in the libraries. It has no other files.
type importer struct {
	files Files
	libs  []string
	found map[string]content
	size  int
	err   error // that the authors of a program cannot mend; it ends the render
}

// content is a file that was looked for. The interpreter wants the same Contents whenever a file is imported.
type content struct {
	contents gojsonnet.Contents
	missing  bool
	err      error
}

// Import implements gojsonnet.Importer. importedFrom is empty for code in variables.
func (im *importer) Import(importedFrom, importedPath string) (gojsonnet.Contents, string, error) {
	none := gojsonnet.Contents{}
	if im.err != nil {
		return none, "", im.err
	}
	if path.IsAbs(importedPath) {
		return none, "", fmt.Errorf("import %q: the path is absolute; imports are relative to the file or to one of directory.jsonnet.libs", importedPath)
	}
	outside := false
	for _, dir := range im.folders(importedFrom) {
		name := path.Join(dir, importedPath)
		if !fs.ValidPath(name) {
			outside = true
			continue
		}
		switch c := im.open(name); {
		case c.err != nil:
			return none, "", fmt.Errorf("import %q: %w", importedPath, c.err)
		case !c.missing:
			return c.contents, name, nil
		}
	}
	if outside {
		return none, "", fmt.Errorf("import %q leads out of the repository", importedPath)
	}
	return none, "", fmt.Errorf("import %q: there is no such file beside this one or in the libraries", importedPath)
}

func (im *importer) folders(importedFrom string) []string {
	if importedFrom == "" {
		return im.libs
	}
	return append([]string{path.Dir(importedFrom)}, im.libs...)
}

func (im *importer) open(name string) content {
	if c, ok := im.found[name]; ok {
		return c
	}
	var c content
	text, err := im.files.ReadFile(name)
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.missing = true
	case errors.As(err, &at):
		c.err = fmt.Errorf("%s: %w", name, at.Err)
	case err != nil:
		im.err, c.err = err, err
	default:
		if im.size += len(text); im.size > MaxImports {
			c.err = fmt.Errorf("the files that are imported are larger than %d MiB together", MaxImports>>20)
			break
		}
		c.contents = gojsonnet.MakeContentsRaw(text)
	}
	im.found[name] = c
	return c
}
