package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
)

// Bounds of a download, packed and unpacked.
const (
	maxArchive  = 64 << 20
	maxUnpacked = 128 << 20
	maxEntries  = 20_000
)

// unpack reads a tar archive, compressed or not. Whoever packed it is a stranger: what would lie outside, or leads there, is refused, and
// so is more than anybody needs. With strip the first folder of every path is left out, as in a chart's archive.
func unpack(archive []byte, strip bool) (map[string]git.Content, error) {
	var in io.Reader = bytes.NewReader(archive)
	if bytes.HasPrefix(archive, []byte{0x1f, 0x8b}) {
		gz, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("it is not a gzip archive: %w", err)
		}
		in = gz
	}
	// Headers count too, and what is skipped: that all of it ends is what bounds the work.
	tr := tar.NewReader(&budget{in, maxUnpacked + maxEntries*1024})
	files := map[string]git.Content{}
	total := 0
	for n := 0; ; n++ {
		head, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it is not a tar archive that can be read: %w", err)
		}
		if n >= maxEntries {
			return nil, fmt.Errorf("it has more than %d entries", maxEntries)
		}
		name, err := entryName(head, strip)
		if err != nil {
			return nil, err
		}
		content, ok, err := entryContent(tr, head, name)
		if err != nil {
			return nil, err
		}
		if total += len(content.Data); total > maxUnpacked {
			return nil, errUnpacked
		}
		if ok {
			files[name] = content
		}
	}
}

var errUnpacked = fmt.Errorf("it has more than %d MiB when unpacked", maxUnpacked>>20)

// entryName is the path of an entry below the archive's root.
func entryName(head *tar.Header, strip bool) (string, error) {
	name := strings.ReplaceAll(head.Name, `\`, "/")
	if path.IsAbs(name) {
		return "", fmt.Errorf("its entry %.200q has an absolute path", head.Name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("its entry %.200q leads out of it", head.Name)
		}
	}
	name = path.Clean(name)
	if !strip || head.Typeflag == tar.TypeDir || head.Typeflag == tar.TypeXGlobalHeader {
		return name, nil
	}
	_, rest, ok := strings.Cut(name, "/")
	if !ok {
		return "", fmt.Errorf("its entry %.200q is outside of the chart's folder", head.Name)
	}
	return rest, nil
}

// entryContent is what an entry holds, and whether it is anything to keep.
func entryContent(r io.Reader, head *tar.Header, name string) (git.Content, bool, error) {
	switch head.Typeflag {
	case tar.TypeReg:
		data, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
		if err != nil {
			return git.Content{}, false, fmt.Errorf("its entry %.200q: %w", head.Name, err)
		}
		return git.Content{Mode: fs.FileMode(head.Mode) & 0o111, Data: data}, true, nil //nolint:gosec // three bits of it are used
	case tar.TypeSymlink:
		target := path.Join(path.Dir(name), head.Linkname)
		if path.IsAbs(head.Linkname) || target == ".." || strings.HasPrefix(target, "../") {
			return git.Content{}, false, fmt.Errorf("its link %.200q leads out of it", head.Name)
		}
		return git.Content{Mode: fs.ModeSymlink, Data: []byte(head.Linkname)}, true, nil
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return git.Content{}, false, nil
	}
	return git.Content{}, false, fmt.Errorf("its entry %.200q is no file, folder or symbolic link", head.Name)
}

// budget fails when more than left bytes are read.
type budget struct {
	in   io.Reader
	left int64
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errUnpacked
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
