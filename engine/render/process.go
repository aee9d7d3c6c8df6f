package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway/engine/object"
)

// process is a worker as its parent holds it.
type process struct {
	cmd    *exec.Cmd
	link   *link
	stdin  io.Closer
	stderr *ending
	given  *given
	board  board
	held   func(confinement) // told once what keeps it
	once   sync.Once
	done   chan struct{} // closed when the process is gone
	err    error         // of Wait, once done
	at     string        // what the board says, once done
}

// start runs a worker. Its environment is empty but for its limits.
func (r *Renderer) start() (*process, error) {
	isolated := r.isolate.Load()
	p, err := r.spawn(isolated)
	if err != nil && isolated {
		// Many kernels and containers refuse namespaces to those who are not root. The dialers are gone either way.
		r.isolate.Store(false)
		r.opt.Log.Info("the kernel gives render workers no namespaces of their own", "error", err.Error())
		return r.spawn(false)
	}
	return p, err
}

func (r *Renderer) spawn(isolated bool) (*process, error) {
	cmd := exec.Command(r.opt.Command[0], r.opt.Command[1:]...)
	cmd.Env = []string{memoryVariable + "=" + strconv.FormatInt(r.opt.MemoryLimit, 10), "GOTRACEBACK=none", "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC"}
	if isolated {
		cmd.Env = append(cmd.Env, namespacesVariable+"=yes")
	}
	cmd.Dir = "/"
	apart(cmd, isolated)
	stderr := &ending{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a render worker: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a render worker: %w", err)
	}
	b, err := newBoard()
	if err != nil {
		return nil, fmt.Errorf("starting a render worker: %w", err)
	}
	cmd.ExtraFiles = []*os.File{b.File} // the first is firstFile
	cmd.Env = append(cmd.Env, boardVariable+"=yes")
	if err := cmd.Start(); err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("starting a render worker: %w", err)
	}
	return &process{cmd: cmd, link: newLink(out, in), stdin: in, stderr: stderr, given: newGiven(), board: b, held: r.held(), done: make(chan struct{})}, nil
}

// held warns, once, of workers that could see files of the machine if they were taken over: neither of two ways to prevent it is there.
func (r *Renderer) held() func(confinement) {
	return func(c confinement) {
		if !c.Root && c.Landlock == 0 && canIsolate && r.exposed.CompareAndSwap(false, true) {
			r.opt.Log.Warn("the kernel keeps no files from render workers: allow user namespaces or Landlock", "problem", c.Problem)
		}
	}
}

// kill ends the process and all that it started. It may be called more than once, and at any time.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
}

// close ends the process and waits until it is gone.
func (p *process) close() {
	p.once.Do(func() {
		_ = p.stdin.Close()
		p.kill()
		p.gone()
	})
	<-p.done
}

// gone waits for the process, and keeps what there is to know of it. It is called once.
func (p *process) gone() {
	p.err = p.cmd.Wait()
	p.at = p.board.read()
	_ = p.board.Close()
	close(p.done)
}

// errDeadline is the cause of a render that took too long.
var errDeadline = errors.New("the render's deadline has passed")

// run has the worker carry out a job. healthy says whether it can take another. A job that ends the worker is a Fault; an error
// is ours, or ctx's.
func (p *process) run(ctx context.Context, j job, trees library) (o outcome, objects []byte, healthy bool, err error) {
	if j.Forget = p.given.bytes > maxGiven; j.Forget {
		p.given = newGiven()
	}
	g, err := along(trees[""].Tree(), j.Path, p.given)
	if err != nil {
		p.given.bytes = maxGiven + 1 // some of it counts as given, and was not
		return o, nil, true, err
	}
	j.Folders = g.folders
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	p.board.write("")
	o, objects, err = p.talk(j, g.blob, trees)
	if err == nil && stop() {
		return o, objects, !o.Tainted, nil
	}
	if err == nil { // done, but killed in the same moment
		return o, objects, false, nil
	}
	if errors.Is(err, errTooMuch) && ctx.Err() == nil {
		p.close()
		return o, nil, false, err
	}
	p.stdinClosed()
	p.close()
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errDeadline) {
		return o, nil, false, context.Cause(ctx)
	}
	o = outcome{Fault: p.verdict(ctx, j)}
	if ctx.Err() == nil && killed(p.err) {
		return o, nil, false, errKilled
	}
	return o, nil, false, nil
}

// errKilled says that somebody else ended the worker, such as a kernel that is short of memory: with or without the job's doing.
var errKilled = errors.New("the render worker was killed")

// stdinClosed lets a worker that died on its own finish dying, so that what it said last is there to read.
func (p *process) stdinClosed() {
	_ = p.stdin.Close()
	gone := make(chan struct{})
	go func() {
		p.once.Do(p.gone)
		close(gone)
	}()
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
		p.kill()
		<-gone
	}
}

func (p *process) talk(j job, blob [][]byte, trees library) (o outcome, objects []byte, err error) {
	if err := p.link.send(kindJob, j, blob...); err != nil {
		return o, nil, err
	}
	for {
		f, err := p.link.receive()
		if err != nil {
			return o, nil, err
		}
		switch f.kind {
		case kindHello:
			var c confinement
			if err := f.read(&c); err != nil {
				return o, nil, err
			}
			p.held(c)
		case kindQuery:
			var q query
			if err := f.read(&q); err != nil {
				return o, nil, err
			}
			r, content := trees.answer(q, p.given)
			if err := p.link.send(kindAnswer, r, content...); err != nil {
				return o, nil, err
			}
		case kindDone:
			err := f.read(&o)
			return o, f.blob, err
		default:
			return o, nil, fmt.Errorf("a render worker sent %q", f.kind)
		}
	}
}

// verdict says why a worker did not survive its job.
func (p *process) verdict(ctx context.Context, j job) *object.Fault {
	f := &object.Fault{Place: object.Place{File: p.at}}
	if f.File == "" {
		f.File = j.Path
	}
	said := p.stderr.String()
	switch {
	case ctx.Err() != nil:
		f.Message = "rendering took too long and was ended"
	case strings.Contains(said, "stack exceeds") || strings.Contains(said, "stack overflow"):
		f.Message = "rendering ended the renderer: recursion without end"
	case strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory") || killed(p.err):
		f.Message = "rendering ended the renderer: it took more memory than it may"
	default:
		f.Message = "rendering ended the renderer"
		if last := lastLine(said); last != "" {
			f.Message += ": " + last
		}
	}
	return f
}

// killed says whether the kernel ended the process, which it does when memory runs out.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// ending keeps the first and the last of what a worker says: a crash begins with its reason.
type ending struct {
	mu   sync.Mutex
	head []byte
	tail []byte
}

const maxEnding = 4 << 10

func (e *ending) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(b)
	if room := maxEnding - len(e.head); room > 0 {
		e.head = append(e.head, b[:min(room, len(b))]...)
		b = b[min(room, len(b)):]
	}
	e.tail = append(e.tail, b...)
	if over := len(e.tail) - maxEnding; over > 0 {
		e.tail = append(e.tail[:0], e.tail[over:]...)
	}
	return n, nil
}

func (e *ending) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return string(e.head) + string(e.tail)
}
