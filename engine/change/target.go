package change

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/source"
)

// TargetRequest asks for what an application wants to be in its cluster.
type TargetRequest struct {
	App *argo.Application
	// Sources replace the specification's for this request, as a sync's own sources do; nil means the specification's.
	Sources []argo.ApplicationSource
	// Revisions pin the sources to commits, in their order; an empty or missing one means the source's targetRevision.
	Revisions []string
	// Tree gives the tree of source i where the caller has it at hand (a pull request's); nil, or a nil tree, means to open it.
	Tree func(i int, src argo.ApplicationSource) *git.Tree
	// Own gives the tree of a repository that a render names as a remote, where that is the caller's; nil, or a nil tree, means to open it.
	Own func(repoURL, revision string) *git.Tree
	// Named says whether a remote was named before by what is not this pull request's word alone; nil says so of all. Others are fetched
	// only by credentials of the project's own.
	Named func(render.Remote) bool
	// Fresh asks remotes for their newest state first.
	Fresh bool
	// Trusted is whether the trees were written by someone with write permission.
	Trusted bool
	// Seed makes random template functions repeatable, for reports. A sync has none.
	Seed []byte
}

// Target is what an application wants: its objects as they would be applied, with namespace and tracking.
type Target struct {
	Objects     *object.Set
	Revisions   []string // one a source: a commit, the version of a chart, or the digest of an artifact
	SourceTypes []string // "Helm", "Kustomize", "Directory"; "" for a source that renders nothing
	Digest      string
	Trace       []SourceTrace
	Warnings    []string
	// Fault is set when a source cannot be rendered; then there are no objects.
	Fault   *object.Fault
	Cached  bool
	Elapsed time.Duration
	// Standing is what the sources were at; see Pipeline.Standing.
	Standing string
	// Repeatable says that the same sources yield the same again: nothing is random, and nothing was fetched beside them.
	Repeatable bool
}

// SourceTrace is what the render of one source read.
type SourceTrace struct {
	RepoURL string
	Trace   git.Trace
}

// Target renders an application's sources and makes their objects ready for the destination. The error is for faults of the
// world; a fault of the repository is in the Target.
func (p *Pipeline) Target(ctx context.Context, r TargetRequest) (Target, error) {
	dest, err := p.cluster(ctx, r.App.Spec.Destination)
	if err != nil {
		return Target{}, fmt.Errorf("destination of %s: %w", r.App.Name, err)
	}
	return p.target(ctx, r, dest)
}

func (p *Pipeline) target(ctx context.Context, r TargetRequest, dest Cluster) (Target, error) {
	d, err := p.draft(ctx, r, dest)
	if err != nil {
		return Target{}, err
	}
	return p.assemble(d), nil
}

// draft is what an application's sources render to, before it is made ready for the destination. Its objects are the renderer's own.
type draft struct {
	app     *argo.Application
	dest    Cluster
	sources []argo.ApplicationSource
	trees   []*git.Tree
	own     func(repoURL, revision string) *git.Tree
	results []render.Result
	// fault says why the sources could not be opened; then there is nothing else.
	fault *object.Fault
}

func (p *Pipeline) draft(ctx context.Context, r TargetRequest, dest Cluster) (draft, error) {
	d := draft{app: r.App, dest: dest, sources: r.Sources, own: r.Own}
	if d.sources == nil {
		d.sources = r.App.Spec.SourceList()
	}
	trees, refs, err := p.open(ctx, r, d.sources)
	if err != nil {
		if fault, ok := object.AsFault(err); ok {
			d.fault = fault
			return d, nil
		}
		return draft{}, err
	}
	d.trees, d.results = trees, make([]render.Result, len(d.sources))
	group, gctx := errgroup.WithContext(ctx)
	for i, src := range d.sources {
		if rendersNothing(src) {
			continue
		}
		group.Go(func() error {
			res, err := p.deps.Render.Render(gctx, p.request(r, src, trees[i], refs, dest))
			d.results[i] = res
			if err != nil {
				return fmt.Errorf("rendering %s from %s: %w", r.App.Name, src.Path, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return draft{}, err
	}
	return d, nil
}

// rendersNothing says whether a source has only a ref: it lends its files.
func rendersNothing(src argo.ApplicationSource) bool { return src.Path == "" && src.Chart == "" }

// cached says whether nothing had to be rendered.
func (d draft) cached() bool {
	for i, res := range d.results {
		if !res.Cached && !rendersNothing(d.sources[i]) {
			return false
		}
	}
	return d.fault == nil
}

// repeatable says whether all of it came from what is kept, which nothing random is, and needed nothing from elsewhere.
func (d draft) repeatable() bool {
	return d.cached() && !slices.ContainsFunc(d.results, func(res render.Result) bool { return len(res.Remotes) > 0 })
}

func (p *Pipeline) request(r TargetRequest, src argo.ApplicationSource, tree *git.Tree, refs map[string]*git.Tree, dest Cluster) render.Request {
	req := render.Request{
		Name: p.Instance(r.App), Release: r.App.Name, Namespace: r.App.Spec.Destination.Namespace, Project: r.App.Spec.ProjectName(),
		Source: src, Revision: tree.Revision(), Tree: tree, Refs: refs, Trusted: r.Trusted, Seed: r.Seed,
		Shared: true, // what is made ready is a copy
		Remote: p.Elsewhere(r, src), Switches: p.deps.Switches(),
	}
	if dest != nil {
		req.KubeVersion, req.APIVersions = dest.KubeVersion(), dest.APIVersions()
	}
	return req
}

// open opens the tree of every source, and the trees that $ref value files name.
func (p *Pipeline) open(ctx context.Context, r TargetRequest, sources []argo.ApplicationSource) ([]*git.Tree, map[string]*git.Tree, error) {
	trees, refs := make([]*git.Tree, len(sources)), map[string]*git.Tree{}
	for i, src := range sources {
		tree, err := p.openOne(ctx, r, i, src)
		if err != nil {
			return nil, nil, err
		}
		trees[i] = tree
		if src.Ref != "" && src.Chart == "" { // as in Argo CD, a chart lends no files
			refs[src.Ref] = tree
		}
	}
	return trees, refs, nil
}

func (p *Pipeline) openOne(ctx context.Context, r TargetRequest, i int, src argo.ApplicationSource) (*git.Tree, error) {
	if r.Tree != nil {
		if tree := r.Tree(i, src); tree != nil {
			return tree, nil
		}
	}
	if p.deps.Trees == nil {
		return nil, &object.Fault{Message: "source " + src.RepoURL + " is another repository, which is not read here"}
	}
	revision := src.TargetRevision
	if i < len(r.Revisions) && r.Revisions[i] != "" {
		revision = r.Revisions[i]
	}
	integrity, err := p.integrity(ctx, r.App, src)
	if err != nil {
		return nil, err
	}
	tree, err := p.deps.Trees.At(ctx, source.Query{RepoURL: src.RepoURL, Project: r.App.Spec.ProjectName(), Revision: revision, TagPrefix: src.TagPrefix,
		Fresh: r.Fresh, Chart: src.Chart, PassCredentials: passesCredentials(src), Integrity: integrity})
	if err != nil {
		return nil, fmt.Errorf("source %s at %q: %w", src.RepoURL, revision, err)
	}
	return tree, nil
}

// integrity is what an application's project asks a source to be signed with; nil is nothing. Only Git repositories are signed.
func (p *Pipeline) integrity(ctx context.Context, app *argo.Application, src argo.ApplicationSource) (*source.Integrity, error) {
	if p.deps.Project == nil || src.Chart != "" || strings.HasPrefix(src.RepoURL, "oci://") {
		return nil, nil
	}
	proj, err := p.deps.Project(ctx, app.Spec.ProjectName())
	if err != nil {
		return nil, fmt.Errorf("reading the project %s: %w", app.Spec.ProjectName(), err)
	}
	if proj == nil {
		return nil, nil // who uses it is refused by name
	}
	asked, err := p.rules(proj).Signatures(src.RepoURL)
	if err != nil {
		return nil, &object.Fault{Message: err.Error(), Hint: "an administrator can mend the AppProject " + proj.Name}
	}
	if asked == nil {
		return nil, nil
	}
	return &source.Integrity{Keys: asked.Keys, History: asked.History, Named: src.TargetRevision}, nil
}

// assemble puts the sources' results together: later sources win, namespaces and tracking are filled in.
func (p *Pipeline) assemble(d draft) Target {
	t := Target{Objects: object.NewSet(), Cached: d.cached(), Standing: standing(d.trees), Repeatable: d.repeatable()}
	if d.fault != nil {
		t.Fault = d.fault
		return t
	}
	for i, res := range d.results {
		t.Revisions = append(t.Revisions, d.trees[i].Revision())
		t.SourceTypes = append(t.SourceTypes, res.Tool)
		t.Trace = append(t.Trace, d.traces(i)...)
		t.Warnings = append(t.Warnings, res.Warnings...)
		t.Elapsed += res.Elapsed
		if res.Fault != nil && t.Fault == nil {
			t.Fault = res.Fault
		}
		for _, o := range res.Objects {
			t.Objects.Add(p.place(d.app, o, d.dest))
		}
	}
	for _, id := range t.Objects.Repeated() {
		t.Warnings = append(t.Warnings, id.String()+" is rendered more than once; the last one counts")
	}
	if t.Fault != nil {
		t.Objects = object.NewSet()
	}
	t.Digest = digest(d.app, t.Objects)
	return t
}

// traces are what the render of source i read: of its own repository, and of those that it refers to.
func (d draft) traces(i int) []SourceTrace {
	res := d.results[i]
	all := []SourceTrace{{d.sources[i].RepoURL, res.Trace}}
	for _, src := range d.sources {
		if trace, ok := res.RefTraces[src.Ref]; ok && src.Ref != "" {
			all = append(all, SourceTrace{src.RepoURL, trace})
		}
	}
	return append(all, d.lent(i)...)
}

// place makes an object ready for the destination. The renderer's object may be shared by its cache, so it is copied.
func (p *Pipeline) place(app *argo.Application, o object.Object, dest Cluster) object.Object {
	u := o.DeepCopy()
	if namespaced(dest, o.ID().GroupKind()) {
		if u.GetNamespace() == "" {
			u.SetNamespace(app.Spec.Destination.Namespace)
		}
	} else {
		u.SetNamespace("")
	}
	tracking(dest).Track(u, p.Instance(app), app.Spec.Destination.Namespace)
	return object.Object{Unstructured: u, Place: o.Place}
}

// digest covers the objects and where they go, so that an application that moves to another cluster has another digest.
func digest(app *argo.Application, s *object.Set) string {
	d := app.Spec.Destination
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %s", d.Server, d.Name, d.Namespace, s.Digest()))
	return hex.EncodeToString(sum[:])
}
