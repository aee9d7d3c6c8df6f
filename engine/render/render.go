package render

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// Options of a renderer. Command is required; the zero value of the others is the default that is named.
type Options struct {
	// Command starts a worker: a program and arguments that end in a call of Worker with standard input and output.
	Command     []string
	Workers     int           // 2: at work at one time, in each of the two pools
	MemoryLimit int64         // 1 GiB for each worker
	Timeout     time.Duration // 30 s for one render
	CacheBytes  int64         // 256 MiB of results in memory
	// CacheDir is a folder in which results outlive the process, up to CacheDirBytes (1 GiB). Empty keeps them in memory only.
	// Results with Secrets are never written there.
	CacheDir      string
	CacheDirBytes int64
	Log           *slog.Logger // discards
}

// Request is what to render.
type Request struct {
	Name      string // of the application's instance
	Release   string // the release name of a chart whose source gives none; empty is Name
	Namespace string // of the destination
	Project   string
	Source    argo.ApplicationSource
	Revision  string // for build variables
	Tree      *git.Tree
	Refs      map[string]*git.Tree // what $name in value files means
	// KubeVersion and APIVersions are those of the destination, for charts.
	KubeVersion string
	APIVersions []string
	// Trusted separates pools and cache: what an untrusted head rendered is never shown for a trusted one.
	Trusted bool
	// Seed makes random template functions repeatable, for reports. Empty for a sync: then they are random, and nothing is cached.
	Seed []byte
	// Shared says that the caller only looks at the objects: then they are not copied for it.
	Shared bool
	// Remote opens what the source needs from elsewhere, as far as its project may have it: a Fault in the error's chain refuses it, and
	// its message and hint are shown where the source asks for it. It is asked again for every result that is used again, may be called
	// concurrently, and nil fetches nothing.
	Remote func(context.Context, Remote) (*git.Tree, error)
	// Switches are the installation's.
	Switches Switches
}

// Switches are what an installation sets for all renders.
type Switches struct {
	// HelmOff, KustomizeOff and JsonnetOff switch a tool off: what it would render is taken as plain manifests.
	HelmOff, KustomizeOff, JsonnetOff bool
	// Kustomize holds the flags of `kustomize build`.
	Kustomize kustomize.Settings
	// ValuesFileSchemes are those of the URLs that value files may have; nil is https.
	ValuesFileSchemes []string
}

// Result is what was rendered. Its objects are the caller's own, unless it asked for shared ones.
type Result struct {
	Objects   []object.Object
	Digest    string // of the objects; see object.Set
	Tool      string // as in Argo CD's status.sourceType
	Trace     git.Trace
	RefTraces map[string]git.Trace
	Remotes   []Used // what was fetched for it, sorted
	Warnings  []string
	Fault     *object.Fault
	Elapsed   time.Duration
	Cached    bool
	// Lasting says that the same request yields the same wherever the traces hold: nothing in it is random, or names the commit.
	Lasting bool
}

// decoded is about how much more memory objects take than the JSON that they were decoded from.
const decoded = 6

// Renderer renders sources in workers. It is safe for concurrent use.
type Renderer struct {
	opt       Options
	isolate   atomic.Bool
	exposed   atomic.Bool // that workers see files was said
	trusted   *pool
	untrusted *pool
	cache     *cache
	shelf     shelf
}

// New makes a renderer and begins to start its first worker.
func New(opt Options) (*Renderer, error) {
	if len(opt.Command) == 0 {
		return nil, errors.New("render: no command for workers given")
	}
	if opt.Workers <= 0 {
		opt.Workers = 2
	}
	if opt.MemoryLimit <= 0 {
		opt.MemoryLimit = 1 << 30
	}
	if opt.Timeout <= 0 {
		opt.Timeout = 30 * time.Second
	}
	if opt.CacheBytes <= 0 {
		opt.CacheBytes = 256 << 20
	}
	if opt.CacheDirBytes <= 0 {
		opt.CacheDirBytes = 1 << 30
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	r := &Renderer{opt: opt, cache: newCache(opt.CacheBytes)}
	if opt.CacheDir != "" {
		if err := r.cache.open(opt); err != nil {
			return nil, err
		}
	}
	r.isolate.Store(canIsolate)
	r.trusted, r.untrusted = newPool(r, opt.Workers), newPool(r, opt.Workers)
	r.trusted.spare()
	return r, nil
}

// Close ends the workers.
func (r *Renderer) Close() {
	r.trusted.close()
	r.untrusted.close()
}

// Render renders a source. A mistake in the repository is in Result.Fault; an error is ours, the world's, or ctx's.
func (r *Renderer) Render(ctx context.Context, req Request) (Result, error) {
	began := time.Now()
	result, err := r.render(ctx, req)
	result.Elapsed = time.Since(began)
	return result, err
}

func (r *Renderer) render(ctx context.Context, req Request) (Result, error) {
	if rendersNothing(req.Source) {
		return Result{Digest: object.NewSet().Digest(), Lasting: true}, nil
	}
	q, err := ask(req)
	if err != nil {
		return Result{}, fmt.Errorf("rendering %s: %w", req.Name, err)
	}
	return r.cache.through(ctx, q, func() (*stored, error) {
		s, err := r.fresh(ctx, req, q.remotes)
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", req.Name, err)
		}
		return s, nil
	})
}

// fresh renders without looking at what is kept.
func (r *Renderer) fresh(ctx context.Context, req Request, remotes *opener) (*stored, error) {
	trees := library{"": req.Tree.Traced()}
	for name, t := range req.Refs {
		trees[name] = t.Traced()
	}
	what, err := settle(trees[""], req)
	if fault, ok := object.AsFault(err); ok {
		return &stored{tool: what.tool, fault: fault, traces: trees.traces(), warnings: trees.absent()}, nil
	}
	if err != nil {
		return nil, err
	}
	j := job{Tool: what.tool, Path: what.dir, Source: what.source, Name: cmp.Or(req.Release, req.Name), Namespace: req.Namespace, KubeVersion: req.KubeVersion,
		APIVersions: req.APIVersions, Seed: req.Seed, Refs: slices.Sorted(maps.Keys(req.Refs)), Switches: req.Switches}
	s, err := r.inRounds(ctx, j, req, turn{trees: trees, from: elsewhere{remotes: remotes, trees: map[Remote]*git.Tree{}}})
	if err != nil {
		return nil, err
	}
	if what.named {
		s.revision = req.Revision
	}
	return s, nil
}

// rendersNothing says whether a source is only there to be referred to.
func rendersNothing(s argo.ApplicationSource) bool {
	return s.Path == "" && s.Chart == "" && s.Ref != ""
}

// turn is what a job may read, which grows from round to round.
type turn struct {
	trees library
	from  elsewhere
}

// inRounds has a job rendered. A worker that lacks something from elsewhere says so instead of a result; it is fetched while no worker
// waits for it, and the job is rendered again.
func (r *Renderer) inRounds(ctx context.Context, j job, req Request, t turn) (*stored, error) {
	for range maxRounds {
		j.Remotes, j.Missing = t.from.known(), t.from.missing
		s, lacks, err := r.inWorker(ctx, j, req, t.trees)
		if err != nil {
			return nil, err
		}
		if len(lacks) == 0 {
			s.remotes = t.from.used()
			return s, nil
		}
		err = t.from.fetch(ctx, lacks, t.trees)
		if fault, ok := object.AsFault(err); ok {
			return &stored{tool: j.Tool, fault: fault, traces: t.trees.traces(), warnings: t.trees.absent(), remotes: t.from.used()}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	fault := &object.Fault{Place: object.Place{File: j.Path}, Message: fmt.Sprintf("what is fetched for it leads to more that is to be fetched, more than %d times", maxRounds)}
	return &stored{tool: j.Tool, fault: fault, traces: t.trees.traces(), remotes: t.from.used()}, nil
}

// inWorker has a worker render a job, or say what it lacks for it.
func (r *Renderer) inWorker(ctx context.Context, j job, req Request, trees library) (*stored, []lack, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.opt.Timeout, errDeadline)
	defer cancel()
	in := r.untrusted
	if req.Trusted {
		in = r.trusted
	}
	var o outcome
	var blob []byte
	var err error
	for attempt := range 2 {
		err = in.with(ctx, attempt > 0, func(p *process) (healthy bool, err error) {
			o, blob, healthy, err = p.run(ctx, j, trees)
			return healthy, err
		})
		if !errors.Is(err, errKilled) {
			break
		}
		// It may have been killed for another's greed, or before it was asked. What a fresh one dies of too is the job's.
		r.opt.Log.Warn("a render worker was killed", "path", j.Path, "attempt", attempt+1)
	}
	if errors.Is(err, errKilled) {
		err = nil
	}
	if err == nil && o.Error != "" {
		err = errors.New(o.Error)
	}
	if err != nil {
		return nil, nil, err
	}
	trees.note(o.Uses)
	if len(o.Lacks) > 0 {
		return nil, o.Lacks, nil
	}
	s := &stored{tool: j.Tool, warnings: append(o.Warnings, trees.absent()...), fault: o.Fault, traces: trees.traces(), size: int64(len(blob)) * decoded,
		keep: !o.Random && o.Uses != nil, list: o.Objects, blob: blob}
	if s.objects, s.digest, err = r.shelf.decode(o.Objects, blob); err != nil {
		return nil, nil, err
	}
	return s, nil, nil
}
