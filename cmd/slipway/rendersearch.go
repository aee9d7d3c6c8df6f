package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/sync"
)

// search finds what is to be rendered in a checkout.
type search struct {
	opt       renderOptions
	notes     io.Writer
	checkout  *git.Repository
	tree      *git.Tree
	scope     plan.Scope
	manifests change.Manifests
	switches  render.Switches
	apps      []*argo.Application // that are declared
	pipeline  *change.Pipeline
}

func (s *search) open(ctx context.Context, scratch string) error {
	var err error
	if s.checkout, err = git.OpenCheckout(ctx, s.opt.dir, scratch); err != nil {
		return err
	}
	hash, err := s.checkout.Resolve(ctx, s.opt.revision)
	if err != nil {
		return fmt.Errorf("--revision: %w", err)
	}
	if s.tree, err = s.checkout.Tree(ctx, hash); err != nil {
		return err
	}
	s.scope, err = diffOptions{dir: s.opt.dir, repos: s.opt.repos}.scope(ctx, s.opt.revision)
	return err
}

// declared reads the applications of the tree's manifests and makes those of its ApplicationSets.
func (s *search) declared(ctx context.Context) error {
	m, err := change.Declared(s.tree)
	if err != nil {
		return err
	}
	s.manifests, s.apps = m, m.Applications
	for _, set := range m.ApplicationSets {
		s.apps = append(s.apps, s.generated(ctx, set, s.notes)...)
	}
	return nil
}

// generated are the applications that a set makes of the tree; none where they cannot be found out, which is told on notes.
func (s *search) generated(ctx context.Context, set *argo.ApplicationSet, notes io.Writer) []*argo.Application {
	made, err := appset.Generate(set, appset.World{Now: time.Now(), Tree: func(repoURL, revision string) (fs.FS, error) {
		if s.scope.Same(repoURL) {
			return s.at(ctx, argo.ApplicationSource{Path: "of ApplicationSet " + setName(set), TargetRevision: revision}, notes)
		}
		return nil, &appset.NeedsWorld{Generator: "git", Reason: "it reads " + repoURL + ", and only this repository is at hand"}
	}})
	if err != nil {
		(&sets{notes: notes}).tell(set, "at "+s.opt.revision, err)
		return nil
	}
	return made
}

// find is the application or the folder that an argument means.
func (s *search) find(ctx context.Context, arg string) (*argo.Application, string, error) {
	dir := path.Clean(filepath.ToSlash(arg))
	info, err := fs.Stat(s.tree, dir)
	isDir := err == nil && info.IsDir()
	explicit := arg == "." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "/")
	if !explicit {
		if app, err := one(s.apps, arg); app != nil || err != nil {
			return app, "", err
		}
	}
	if isDir && (explicit || strings.Contains(arg, "/")) {
		return nil, dir, nil
	}
	if !explicit {
		app, err := s.children(ctx, arg)
		if app != nil || err != nil {
			return app, "", err
		}
	}
	if isDir {
		return nil, dir, nil
	}
	if explicit {
		return nil, "", fmt.Errorf("%s is no folder at %s", arg, s.opt.revision)
	}
	return nil, "", fmt.Errorf("no manifest at %s declares an application %q, and there is no folder of that path", s.opt.revision, arg)
}

// one is the application of a name, or of "namespace/name".
func one(apps []*argo.Application, arg string) (*argo.Application, error) {
	var found []*argo.Application
	for _, app := range apps {
		if app.Name == arg || app.Namespace+"/"+app.Name == arg {
			found = append(found, app)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	var names []string
	for _, app := range found {
		names = append(names, app.Namespace+"/"+app.Name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) == 1 {
		return nil, fmt.Errorf("the application %s is declared %d times", arg, len(found))
	}
	return nil, fmt.Errorf("there are several applications %s: %s", arg, strings.Join(names, ", "))
}

// maxParents bounds how many applications are rendered in search of one that they declare.
const maxParents = 1000

// children looks for an application among those that others render, generation by generation. Parents that cannot be rendered here
// declare none.
func (s *search) children(ctx context.Context, arg string) (*argo.Application, error) {
	seen := map[string]bool{}
	for parents := s.apps; len(parents) > 0; {
		var born []*argo.Application
		for _, app := range parents {
			key := app.Namespace + "/" + app.Name
			if seen[key] || len(seen) >= maxParents {
				continue
			}
			seen[key] = true
			target, err := s.target(ctx, app, io.Discard)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err == nil {
				apps, sets := applications(target.Objects)
				born = append(born, apps...)
				for _, set := range sets {
					born = append(born, s.generated(ctx, set, io.Discard)...)
				}
			}
		}
		if app, err := one(born, arg); app != nil || err != nil {
			return app, err
		}
		parents = born
	}
	return nil, nil
}

// applications are those among objects, and the sets that make more.
func applications(objects *object.Set) (apps []*argo.Application, sets []*argo.ApplicationSet) {
	for _, o := range objects.All() {
		if o.ID().Group != argo.Group {
			continue
		}
		switch o.GetKind() {
		case "Application":
			app := new(argo.Application)
			if runtime.DefaultUnstructuredConverter.FromUnstructured(o.Unstructured.Object, app) == nil {
				apps = append(apps, app)
			}
		case "ApplicationSet":
			set := new(argo.ApplicationSet)
			if runtime.DefaultUnstructuredConverter.FromUnstructured(o.Unstructured.Object, set) == nil {
				sets = append(sets, set)
			}
		}
	}
	return apps, sets
}

// target renders an application's sources, each at the commit that it means here.
func (s *search) target(ctx context.Context, app *argo.Application, notes io.Writer) (change.Target, error) {
	sources := app.Spec.SourceList()
	trees := make([]*git.Tree, len(sources))
	for i, src := range sources {
		if src.Chart != "" {
			continue
		}
		if !s.scope.Same(src.RepoURL) {
			continue // which is fetched
		}
		var err error
		if trees[i], err = s.at(ctx, src, notes); err != nil {
			return change.Target{}, err
		}
	}
	return s.pipeline.Target(ctx, change.TargetRequest{App: app, Trusted: true, Own: s.own(ctx),
		Tree: func(i int, _ argo.ApplicationSource) *git.Tree { return trees[i] }})
}

// own gives remotes that name this repository the commit that they mean in the checkout.
func (s *search) own(ctx context.Context) func(repoURL, revision string) *git.Tree {
	return func(repoURL, revision string) *git.Tree {
		if !s.scope.Same(repoURL) {
			return nil
		}
		tree, err := s.at(ctx, argo.ApplicationSource{RepoURL: repoURL, TargetRevision: revision}, io.Discard)
		if err != nil {
			return nil
		}
		return tree
	}
}

// at is the tree of a source: its own where it is pinned to a tag, a constraint or a commit, else the one that is asked for.
func (s *search) at(ctx context.Context, src argo.ApplicationSource, notes io.Writer) (*git.Tree, error) {
	revision := src.TargetRevision
	if revision == "" || revision == "HEAD" || strings.HasPrefix(revision, "refs/heads/") {
		return s.tree, nil
	}
	if _, err := s.checkout.Resolve(ctx, "refs/heads/"+revision); err == nil {
		return s.tree, nil
	}
	hash, err := s.checkout.ResolveTagged(ctx, src.TagPrefix, revision)
	if errors.Is(err, git.ErrUnknownRevision) {
		return s.tree, nil // a branch that this checkout has never fetched
	}
	if err != nil {
		return nil, err
	}
	if hash != s.tree.Commit() {
		fmt.Fprintf(notes, "slipway: note: source %s is pinned to %s (%.7s)\n", src.Path, revision, hash)
	}
	return s.checkout.Tree(ctx, hash)
}

func (s *search) application(ctx context.Context, app *argo.Application, out *rendering) error {
	app = app.DeepCopy()
	if err := s.override(app); err != nil {
		return err
	}
	target, err := s.target(ctx, app, s.notes)
	if err != nil {
		return err
	}
	out.fault, out.warnings = target.Fault, target.Warnings
	in := sync.Input{Desired: target.Objects, Namespace: app.Spec.Destination.Namespace}
	if p := app.Spec.SyncPolicy; p != nil {
		in.Options, in.Managed = p.SyncOptions, p.ManagedNamespaceMetadata
	}
	out.arrange(in, false)
	return nil
}

// folder renders a path as the tools' own commands do.
func (s *search) folder(ctx context.Context, dir string, r change.Renderer, out *rendering) error {
	name := path.Base(dir)
	if dir == "." {
		abs, err := filepath.Abs(s.opt.dir)
		if err != nil {
			return err
		}
		name = filepath.Base(abs)
	}
	app := &argo.Application{Spec: argo.ApplicationSpec{Source: &argo.ApplicationSource{Path: dir, TargetRevision: s.opt.revision}}}
	app.Name = dir
	if err := s.override(app); err != nil {
		return err
	}
	got, err := r.Render(ctx, render.Request{Name: name, Namespace: s.opt.namespace, Project: "default", Source: *app.Spec.Source, Revision: string(s.tree.Commit()), Tree: s.tree, Trusted: true,
		Switches: s.switches, Remote: s.pipeline.Elsewhere(change.TargetRequest{App: app, Own: s.own(ctx)}, *app.Spec.Source)})
	if err != nil {
		return err
	}
	out.fault, out.warnings = got.Fault, got.Warnings
	out.arrange(sync.Input{Desired: object.NewSet(got.Objects...)}, true)
	return nil
}

// override puts --values and --set into the application's charts.
func (s *search) override(app *argo.Application) error {
	if len(s.opt.values)+len(s.opt.set) == 0 {
		return nil
	}
	sources := app.Spec.Sources
	if len(sources) == 0 && app.Spec.Source != nil {
		sources = []argo.ApplicationSource{*app.Spec.Source}
		defer func() { app.Spec.Source = &sources[0] }()
	}
	charts := 0
	for i := range sources {
		if s.isChart(sources[i]) {
			charts++
			if err := s.overrideChart(&sources[i]); err != nil {
				return err
			}
		}
	}
	if charts == 0 {
		return fmt.Errorf("--values and --set are for charts, and %s has none", app.Name)
	}
	return nil
}

func (s *search) isChart(src argo.ApplicationSource) bool {
	if src.Chart != "" || src.Helm != nil {
		return true
	}
	tool, err := render.Tool(s.tree, path.Clean(src.Path))
	return src.Path != "" && err == nil && tool == render.Helm
}

func (s *search) overrideChart(src *argo.ApplicationSource) error {
	if src.Helm == nil {
		src.Helm = &argo.ApplicationSourceHelm{}
	}
	src.Helm.ValueFiles = append(src.Helm.ValueFiles, s.opt.values...)
	for _, set := range s.opt.set {
		name, value, ok := strings.Cut(set, "=")
		if !ok || name == "" {
			return fmt.Errorf("--set %q: expected NAME=VALUE", set)
		}
		src.Helm.Parameters = append(src.Helm.Parameters, argo.HelmParameter{Name: name, Value: value})
	}
	return nil
}
