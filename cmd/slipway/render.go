package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/sync"
)

type renderOptions struct {
	dir         string
	repos       []string
	revision    string
	namespace   string
	kubeVersion string
	apiVersions []string
	values      []string
	set         []string
	trace       bool
	timing      bool
	offline     bool
	settings    string
}

func renderCommand() *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "render APP|PATH",
		Short: "Print what the server would apply for an application, or what a folder renders",
		Long: `Print what the server would apply for an application, or what a folder renders, as YAML in the order of a sync.

It needs a Git checkout: no cluster, no server. What is rendered is a commit, not the working copy. Charts of Helm repositories and registries,
and what charts and kustomizations need from elsewhere, are fetched without credentials, and kept. Other Git repositories that are sources
are fetched by your own git, as it is set up here. With --offline nothing is fetched.

APP is an application that Application and ApplicationSet manifests anywhere in the tree declare, or that the renders of those declare in
turn; NAMESPACE/NAME tells two of one name apart. Sources are in this repository when their URL names a remote of the checkout, or --repo.
They are read at --revision where they name no revision or a branch, whichever it is, and at their own where they name a tag, a version
constraint or a commit. Objects have their namespaces and the marks by which the application is known to own them. Hooks are among them, in
their phases; those of deletions are not.

PATH is a folder, from the repository's root; ./PATH where an application has the same name. It is rendered as "helm template" and
"kustomize build" do, without namespaces or marks added. The release name is its last element.

What is printed can be piped into kubectl: Secrets are printed as they stand in the repository, on a terminal too, and not masked as they
are in reports. The exit code is 0 when everything was rendered, 1 when the repository has a mistake,
which is named with its file and line, and 2 when it could not be found out.`,
		Example: `  slipway render web-prod
  slipway render web-prod --revision v1.2 --trace
  slipway render charts/web --namespace shop --values values-prod.yaml --set image.tag=1.27 | kubectl diff -f -`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			clock := &stopwatch{}
			out, err := o.render(cmd.Context(), args[0], clock, cmd.ErrOrStderr())
			if err == nil && out.fault == nil {
				err = clock.measure("print", func() error { return out.print(cmd.OutOrStdout()) })
			}
			out.tell(cmd.ErrOrStderr(), o)
			if o.timing {
				clock.tell(cmd.ErrOrStderr())
			}
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "slipway:", err)
				return exitCode(exitWrong)
			}
			if out.fault != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "slipway:", out.fault)
				return exitCode(exitNo)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.dir, "directory", "C", ".", "the checkout")
	f.StringArrayVar(&o.repos, "repo", nil, "a URL by which applications name this repository, beside its remotes (repeatable)")
	f.StringVar(&o.revision, "revision", "HEAD", "the commit, branch or tag to render")
	f.StringVarP(&o.namespace, "namespace", "n", "default", "the namespace that a chart at PATH is told")
	f.StringVar(&o.kubeVersion, "kube-version", libraryVersion(), "the Kubernetes version that charts see")
	f.StringSliceVar(&o.apiVersions, "api-versions", nil, "API versions that charts see beside Kubernetes' own, as apps/v1 or apps/v1/Deployment (repeatable)")
	f.StringArrayVar(&o.values, "values", nil, "one more value file for charts, beside the chart or, with a leading slash, from the repository's root (repeatable)")
	f.StringArrayVar(&o.set, "set", nil, "a value for charts, NAME=VALUE, which wins over value files (repeatable)")
	f.BoolVar(&o.trace, "trace", false, "say on standard error what was read, listed, and looked for in vain")
	f.BoolVar(&o.timing, "timing", false, "say on standard error where the time went")
	f.StringVar(&o.settings, "settings", "", settingsUsage)
	f.BoolVar(&o.offline, "offline", false, "fetch nothing")
	return cmd
}

// render finds out what the argument means and renders it. What it yields is never nil.
func (o renderOptions) render(ctx context.Context, arg string, clock *stopwatch, notes io.Writer) (*rendering, error) {
	out := &rendering{}
	scratch, err := os.MkdirTemp("", "slipway-render-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(scratch)
	// What the search meets on its way is told where it says something about the answer; of a folder it does not.
	var met bytes.Buffer
	s := &search{opt: o, notes: &met}
	if err := clock.measure("open the checkout", func() error { return s.open(ctx, scratch) }); err != nil {
		return out, err
	}
	if err := clock.measure("read the manifests", func() error { return s.declared(ctx) }); err != nil {
		return out, err
	}
	self, err := os.Executable()
	if err != nil {
		return out, err
	}
	renderer, err := render.New(render.Options{Command: []string{self, "render-worker"}})
	if err != nil {
		return out, err
	}
	defer renderer.Close()
	rec := &recorder{next: offline{renderer, o.kubeVersion, o.apiVersions}}
	trees, err := (&neighbours{checkout: s.checkout, same: s.scope.Same, dir: o.dir, scratch: scratch, offline: o.offline, notes: notes}).ready(ctx)
	if err != nil {
		return out, err
	}
	defer trees.close()
	if s.switches, err = declaredSwitches(s.manifests, o.settings, notes); err != nil {
		return out, err
	}
	s.pipeline = change.New(change.Deps{Render: rec, Trees: trees, Repository: trees.registered, Switches: func() render.Switches { return s.switches },
		ControlNamespace: controlNamespace(s.apps)})
	var app *argo.Application
	var dir string
	err = clock.measure("find "+arg, func() (err error) { app, dir, err = s.find(ctx, arg); return err })
	if err != nil || app != nil {
		fmt.Fprint(notes, met.String())
	}
	if s.notes = notes; err != nil {
		return out, err
	}
	rec.renders = nil // of the search
	err = clock.measure("render", func() error {
		if app != nil {
			return s.application(ctx, app, out)
		}
		return s.folder(ctx, dir, rec, out)
	})
	out.renders = rec.renders
	for _, r := range rec.renders {
		clock.part(fmt.Sprintf("%s, %s, %d objects", cmp.Or(r.path, "."), cmp.Or(r.result.Tool, "nothing"), len(r.result.Objects)), r.result.Elapsed)
	}
	return out, err
}

// rendering is what was rendered, in order.
type rendering struct {
	objects  []object.Object
	warnings []string
	fault    *object.Fault
	renders  []record
}

// arrange puts objects in the order of a sync. Those that no sync applies, such as tests, follow where all are wanted.
func (r *rendering) arrange(in sync.Input, all bool) {
	places := map[object.ID]object.Place{}
	for _, o := range in.Desired.All() {
		if o.GetName() != "" { // what is given its name by the API server is not told from others of its kind
			places[o.ID()] = o.Place
		}
	}
	listed := map[object.ID]bool{}
	for _, a := range sync.Listing(in) {
		if all && listed[a.ID] && a.ID.Name != "" {
			continue // a hook of several phases, which stands in the folder once
		}
		listed[a.ID] = true
		r.objects = append(r.objects, object.Object{Unstructured: a.Object, Place: places[a.ID]})
	}
	for _, o := range in.Desired.All() {
		if all && !listed[o.ID()] {
			r.objects = append(r.objects, o)
		}
	}
	for _, id := range in.Desired.Repeated() {
		if !all {
			break // the pipeline has said it
		}
		r.warnings = append(r.warnings, id.String()+" is rendered more than once; the last one counts")
	}
}

func (r *rendering) print(w io.Writer) error {
	var b bytes.Buffer
	for _, o := range r.objects {
		text, err := yaml.Marshal(o.Unstructured.Object)
		if err != nil {
			return fmt.Errorf("writing %s: %w", o.ID(), err)
		}
		b.WriteString("---\n")
		if o.Place.File != "" {
			fmt.Fprintf(&b, "# Source: %s\n", plainLine(o.Place.File))
		}
		b.Write(text)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// tell writes what is not the objects.
func (r *rendering) tell(w io.Writer, o renderOptions) {
	for _, text := range r.warnings {
		fmt.Fprintln(w, "slipway: warning:", text)
	}
	if !o.trace {
		return
	}
	words := map[git.Op]string{git.Read: "read", git.List: "listed", git.Miss: "missed", git.Link: "link", git.Dir: "folder"}
	for _, rec := range r.renders {
		fmt.Fprintf(w, "trace of %s (%s)\n", cmp.Or(rec.path, "."), cmp.Or(rec.result.Tool, "nothing"))
		for _, e := range rec.trace() {
			fmt.Fprintf(w, "  %-6s  %s\n", words[e.Op], e.Path)
		}
	}
}
