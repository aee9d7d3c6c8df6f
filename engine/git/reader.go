package git

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of the reading processes. A process is cheap to keep (a few MB) and saves 2 ms at each read.
const (
	maxReaders = 8  // at work at one time, over all mirrors
	maxIdle    = 16 // waiting, over all mirrors
	readLimit  = 30 * time.Second
)

// readers lends out `git cat-file --batch-command` processes.
type readers struct {
	program string
	slots   chan struct{}

	mu   sync.Mutex
	idle []*reader // oldest first
}

func newReaders(opt Options) *readers {
	return &readers{program: opt.Program, slots: make(chan struct{}, maxReaders)}
}

// with lends a process that reads dir to do, and takes it back unless do failed: then what is left in its pipe is unknown.
func (rs *readers) with(dir string, do func(*reader) error) error {
	rs.slots <- struct{}{}
	defer func() { <-rs.slots }()
	r := rs.take(dir)
	for {
		fresh := r == nil
		if fresh {
			var err error
			if r, err = startReader(rs.program, dir); err != nil {
				return err
			}
		}
		watch := time.AfterFunc(readLimit, r.kill)
		err := do(r)
		if !watch.Stop() {
			err = errors.New("git cat-file took too long") // whatever its end looked like
		}
		if err == nil {
			rs.give(r)
			return nil
		}
		r.kill()
		switch {
		case !errors.Is(err, errReaderEnded):
			return err
		case fresh: // git ends at an object that it cannot unpack, and where there is no store
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		// A process that waited may have died in the meantime, which says nothing about what is asked.
		r = nil
	}
}

func (rs *readers) take(dir string) *reader {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for i := len(rs.idle) - 1; i >= 0; i-- {
		if r := rs.idle[i]; r.dir == dir {
			rs.idle = append(rs.idle[:i], rs.idle[i+1:]...)
			return r
		}
	}
	return nil
}

func (rs *readers) give(r *reader) {
	rs.mu.Lock()
	rs.idle = append(rs.idle, r)
	var old *reader
	if len(rs.idle) > maxIdle {
		old, rs.idle = rs.idle[0], rs.idle[1:]
	}
	rs.mu.Unlock()
	if old != nil {
		old.kill()
	}
}

// drop ends the waiting processes of a folder that is put aside.
func (rs *readers) drop(dir string) {
	for r := rs.take(dir); r != nil; r = rs.take(dir) {
		r.kill()
	}
}

func (rs *readers) closeIdle() {
	rs.mu.Lock()
	all := rs.idle
	rs.idle = nil
	rs.mu.Unlock()
	for _, r := range all {
		r.kill()
	}
}

// reader is one cat-file process.
type reader struct {
	dir  string
	cmd  *exec.Cmd
	in   *bufio.Writer
	pipe io.Closer
	out  *bufio.Reader
	once sync.Once
}

// errReaderEnded says that the process was gone before it answered.
var errReaderEnded = errors.New("git cat-file ended")

func startReader(program, dir string) (*reader, error) {
	// Files above the threshold are streamed to us instead of being held in git's memory, so a refused one costs nothing.
	cmd := exec.Command(program, "-c", "core.bigFileThreshold=4m", "cat-file", "--batch-command", "--buffer")
	cmd.Env = environment(command{dir: dir})
	cmd.Dir = os.TempDir()
	ownGroup(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return &reader{dir: dir, cmd: cmd, in: bufio.NewWriter(in), pipe: in, out: bufio.NewReaderSize(out, 64<<10)}, nil
}

func (r *reader) kill() {
	r.once.Do(func() {
		_ = r.pipe.Close()
		_ = r.cmd.Process.Kill()
		go func() { _ = r.cmd.Wait() }() // reaps it
	})
}

// found is one answer of cat-file.
type found struct {
	id      Hash
	kind    string // "commit", "tree", "blob", "tag"; empty when there is no such object
	size    int64
	content []byte // nil when only asked about, or when larger than the limit
}

// ask puts the same command ("info" or "contents") for each id and hands the answers on in order. Contents above limit end the
// process: reading past them would cost as much as taking them.
func (r *reader) ask(verb string, ids []Hash, limit int64, each func(found) error) error {
	for _, id := range ids {
		if !id.IsFull() {
			return fmt.Errorf("object %q: %w", id, ErrUnknownRevision)
		}
		_, _ = r.in.WriteString(verb + " " + string(id) + "\n") // a failure stays until Flush
	}
	_, _ = r.in.WriteString("flush\n")
	if err := r.in.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errReaderEnded, err)
	}
	for _, id := range ids {
		f, err := r.answer(verb == "contents", limit)
		if err != nil {
			return err
		}
		if f.id != id {
			return fmt.Errorf("git cat-file answered for %s when asked for %s", f.id, id)
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) answer(content bool, limit int64) (found, error) {
	header, err := r.out.ReadString('\n')
	if err != nil {
		return found{}, fmt.Errorf("%w: %w", errReaderEnded, err)
	}
	f, err := parseHeader(strings.TrimSuffix(header, "\n"))
	if err != nil || f.kind == "" || !content {
		return f, err
	}
	if f.size > limit {
		return f, fmt.Errorf("object %s of %d bytes: %w", f.id, f.size, ErrTooLarge)
	}
	f.content = make([]byte, f.size)
	if _, err := io.ReadFull(r.out, f.content); err != nil {
		return f, fmt.Errorf("%w: %w", errReaderEnded, err)
	}
	if _, err := r.out.Discard(1); err != nil {
		return f, fmt.Errorf("%w: %w", errReaderEnded, err)
	}
	return f, nil
}

// parseHeader reads "<id> <kind> <size>" or "<id> missing".
func parseHeader(line string) (found, error) {
	parts := strings.Split(line, " ")
	id := Hash(parts[0])
	if !id.IsFull() {
		return found{}, fmt.Errorf("git cat-file answered %.80q", line)
	}
	if len(parts) == 2 && parts[1] == "missing" {
		return found{id: id}, nil
	}
	if len(parts) != 3 {
		return found{}, fmt.Errorf("git cat-file answered %.80q", line)
	}
	size, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || size < 0 {
		return found{}, fmt.Errorf("git cat-file answered %.80q", line)
	}
	switch parts[1] {
	case "commit", "tree", "blob", "tag":
		return found{id: id, kind: parts[1], size: size}, nil
	}
	return found{}, fmt.Errorf("git cat-file answered %.80q", line)
}
