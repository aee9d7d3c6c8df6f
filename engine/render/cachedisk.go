package render

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// disk keeps results in a folder, one a file, so that a server that starts again need not render everything anew. It is bounded: what was
// not used for the longest time goes first. A file is written beside its place and then renamed; one that is not whole, or was
// written by another version of the program, is not believed. Nothing that goes wrong here is worth more than a line in the log: what
// is not found is rendered.
//
// A nil disk keeps nothing.
type disk struct {
	dir     string
	program string // digest of the version that writes and believes entries
	limit   int64
	log     *slog.Logger

	mu    sync.Mutex
	used  int64
	keys  map[string][]*list.Element // newest first; of *filed
	order *list.List                 // most recently used first
}

// filed is a result's file. Its name is "<key>.<digest of its traces>".
type filed struct {
	name string
	size int64
}

func (f *filed) key() string {
	key, _, _ := strings.Cut(f.name, ".")
	return key
}

// unfinished begins the names of files that are being written.
const unfinished = "new-"

// openDisk takes up what an earlier process left in dir.
func openDisk(dir, program string, limit int64, log *slog.Logger) (*disk, error) {
	d := &disk{dir: dir, program: program, limit: limit, log: log, keys: map[string][]*list.Element{}, order: list.New()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the render cache: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the render cache: %w", err)
	}
	type aged struct {
		filed
		used time.Time
	}
	var all []aged
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !e.Type().IsRegular():
		case strings.HasPrefix(e.Name(), unfinished):
			_ = os.Remove(filepath.Join(dir, e.Name())) // if it stays, it is tried again at the next start
		default:
			all = append(all, aged{filed{e.Name(), info.Size()}, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return a.used.Compare(b.used) })
	for _, f := range all {
		d.add(&f.filed)
	}
	return d, nil
}

// add puts a file in front and drops what there is no room for. The caller holds mu, or is alone.
func (d *disk) add(f *filed) {
	d.keys[f.key()] = append([]*list.Element{d.order.PushFront(f)}, d.keys[f.key()]...)
	d.used += f.size
	if all := d.keys[f.key()]; len(all) > maxVariants {
		d.drop(all[len(all)-1])
	}
	for d.used > d.limit {
		d.drop(d.order.Back())
	}
}

func (d *disk) drop(e *list.Element) {
	f := e.Value.(*filed)
	rest := slices.DeleteFunc(slices.Clone(d.keys[f.key()]), func(o *list.Element) bool { return o == e })
	if len(rest) == len(d.keys[f.key()]) {
		return // somebody else dropped it
	}
	d.order.Remove(e)
	d.used -= f.size
	if d.keys[f.key()] = rest; len(rest) == 0 {
		delete(d.keys, f.key())
	}
	if err := os.Remove(filepath.Join(d.dir, f.name)); err != nil && !os.IsNotExist(err) {
		d.log.Warn("removing a kept render", "error", err.Error())
	}
}

// find looks for a result whose traces hold.
func (d *disk) find(ctx context.Context, q question) *stored {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	candidates := d.keys[q.key]
	d.mu.Unlock()
	for _, e := range candidates {
		f := e.Value.(*filed)
		s, err := d.read(q, f)
		if err != nil {
			if !os.IsNotExist(err) {
				d.log.Warn("a kept render cannot be used", "error", err.Error())
			}
			d.mu.Lock()
			d.drop(e)
			d.mu.Unlock()
			continue
		}
		if s.revision != "" && s.revision != q.revision || !s.holds(ctx, q, nil) {
			continue
		}
		d.mu.Lock()
		d.order.MoveToFront(e)
		d.mu.Unlock()
		now := time.Now()
		_ = os.Chtimes(filepath.Join(d.dir, f.name), now, now) // a wrong age only costs a render
		return s
	}
	return nil
}

func (d *disk) read(q question, f *filed) (*stored, error) {
	text, err := os.ReadFile(filepath.Join(d.dir, f.name))
	if err != nil {
		return nil, err
	}
	return unpack(text, d.program, q)
}

// keep writes a result that may be written.
func (d *disk) keep(q question, s *stored) {
	if d == nil || !s.keep || s.fault != nil || slices.ContainsFunc(s.objects, secretive) || slices.ContainsFunc(s.remotes, Used.secretive) {
		return
	}
	text, name, err := pack(s, d.program, q)
	if err == nil && int64(len(text)) > d.limit/8 {
		return
	}
	if err == nil {
		err = d.place(name, text)
	}
	if err != nil {
		d.log.Warn("keeping a render", "error", err.Error())
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.keys[q.key] {
		if f := e.Value.(*filed); f.name == name { // the same was there, and was written over
			d.used += int64(len(text)) - f.size
			f.size = int64(len(text))
			d.order.MoveToFront(e)
			return
		}
	}
	d.add(&filed{name: name, size: int64(len(text))})
}

func (d *disk) place(name string, text []byte) error {
	f, err := os.CreateTemp(d.dir, unfinished)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
