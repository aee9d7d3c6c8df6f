package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/source"
)

type diffOptions struct {
	dir      string
	repos    []string
	branch   string
	output   string
	offline  bool
	settings string
	guards   string
	// kubeVersion is the release of Kubernetes that destinations are taken to have.
	kubeVersion string
	sets        *sets
}

func diffCommand() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff BASE [HEAD]",
		Short: "Print what merging HEAD into BASE would change in every application",
		Long: `Print what merging HEAD into BASE would change in every application, as the server reports it on a pull request.

It needs a Git checkout: no cluster, no server. Like the server it compares BASE with the merge of BASE and HEAD.
The applications are those that Application and ApplicationSet manifests anywhere in the two trees declare, and those that their renders
declare in turn, as far as a source of theirs is this repository: its URL names a remote of the checkout, or --repo. Charts of Helm
repositories and registries, and what charts and kustomizations need from elsewhere, are fetched without credentials, and kept. Other Git
repositories that are sources are fetched by your own git, as it is set up here. With --offline nothing is fetched. ApplicationSets whose
generators ask for more than this repository, such as the clusters that are registered, are named on standard error and left out.

Guards look at the change as the server's do, at the levels that .slipway.yaml of BASE sets: what is dangerous, the team's own rules, and,
by the Kubernetes release that --kube-version names, versions of kinds that are gone or going and manifests against the schemas of
Kubernetes' own kinds and of the definitions that the change brings. With --guards they ask the registries of new images as well, without
credentials. What only a cluster can answer (its own kinds, a dry run, AppProjects as they stand there) is left to the server.

The exit code is 0 when the change can be deployed, 1 when it cannot (a conflict, an application that does not render, an
ApplicationSet that cannot be generated, a guard that blocks) and 2 when it could not be found out.`,
		Example: `  slipway diff main
  slipway diff origin/main my-branch --output markdown > report.md
  slipway diff main --guards --kube-version v1.32.0
  slipway diff main -o json | jq -r '.applications[] | select(.kind != "unchanged") | .name'`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			head := "HEAD"
			if len(args) == 2 {
				head = args[1]
			}
			if err := choices(cmd, "output", o.output, diffOutputs...); err != nil {
				return err
			}
			if err := choices(cmd, "guards", o.guards, guardsAll, guardsLocal, guardsNone); err != nil {
				return err
			}
			o.sets = &sets{notes: cmd.ErrOrStderr()}
			in, err := o.compare(cmd.Context(), args[0], head)
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "slipway:", err)
				return exitCode(exitWrong)
			}
			if err := o.print(cmd.OutOrStdout(), in); err != nil {
				return err
			}
			if in.Change.Failed() || o.sets.broken {
				return exitCode(exitNo)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&o.dir, "directory", "C", ".", "the checkout")
	cmd.Flags().StringArrayVar(&o.repos, "repo", nil, "a URL by which applications name this repository, beside its remotes (repeatable)")
	cmd.Flags().StringVar(&o.branch, "branch", "", "the branch that applications follow and HEAD is merged into (default: BASE's own name, without that of a remote)")
	cmd.Flags().StringVar(&o.settings, "settings", "", settingsUsage)
	cmd.Flags().StringVar(&o.guards, "guards", guardsLocal, "which guards look at the change: local, those that ask nobody; all, with questions to registries; none")
	cmd.Flags().Lookup("guards").NoOptDefVal = guardsAll
	cmd.Flags().StringVar(&o.kubeVersion, "kube-version", cmp.Or(libraryVersion(), guard.KubernetesVersion), "the release of Kubernetes that charts see and guards judge by")
	cmd.Flags().BoolVar(&o.offline, "offline", false, "fetch nothing")
	cmd.Flags().StringVarP(&o.output, "output", "o", "auto", "markdown, plain, color, json, or auto: color on a terminal, else markdown")
	completes(cmd, "output", diffOutputs...)
	completes(cmd, "guards", guardsLocal, guardsAll, guardsNone)
	return cmd
}

// What --guards may say.
const (
	guardsAll   = "all"
	guardsLocal = "local"
	guardsNone  = "none"
)

// guard has the guards look at the change as --guards says.
func (o diffOptions) guard(in *change.Input) {
	in.KubeVersion = o.kubeVersion
	if o.guards != guardsNone {
		return
	}
	off := guard.Policy{Levels: map[string]guard.Level{}}
	for _, g := range guard.Guards() {
		off.Levels[g.Name] = guard.Off
	}
	in.KubeVersion, in.Guards = "", func(string) guard.Policy { return off }
}

// compare runs the pipeline on the checkout.
func (o diffOptions) compare(ctx context.Context, base, head string) (report.Input, error) {
	none := report.Input{}
	scratch, err := os.MkdirTemp("", "slipway-diff-")
	if err != nil {
		return none, err
	}
	defer os.RemoveAll(scratch)
	checkout, err := git.OpenCheckout(ctx, o.dir, scratch)
	if err != nil {
		return none, err
	}
	sides, err := resolve(ctx, checkout, base, head)
	if err != nil {
		return none, err
	}
	c := change.Change{Base: string(sides.base), Head: string(sides.head), Conflicts: sides.merge.Conflicts}
	if len(c.Conflicts) > 0 {
		return o.input(c), nil
	}
	scope, err := o.scope(ctx, base)
	if err != nil {
		return none, err
	}
	in, declared, err := gather(ctx, checkout, sides, scope, o.sets)
	if err != nil {
		return none, err
	}
	switches, err := declaredSwitches(declared, o.settings, o.sets.notes)
	if err != nil {
		return none, err
	}
	self, err := os.Executable()
	if err != nil {
		return none, err
	}
	renderer, err := render.New(render.Options{Command: []string{self, "render-worker"}})
	if err != nil {
		return none, err
	}
	defer renderer.Close()
	trees, err := (&neighbours{checkout: checkout, same: scope.Same, dir: o.dir, scratch: scratch, offline: o.offline, notes: o.sets.notes}).ready(ctx)
	if err != nil {
		return none, err
	}
	defer trees.close()
	o.guard(&in)
	deps := change.Deps{Render: offline{next: renderer, kubeVersion: o.kubeVersion}, Trees: trees, Repository: trees.registered,
		Switches: func() render.Switches { return switches }, ControlNamespace: controlNamespace(in.Applications)}
	if o.guards == guardsAll && trees.sources != nil {
		deps.Image = trees.sources.Image
	}
	pipeline := change.New(deps)
	if c, err = pipeline.PullRequest(ctx, in); err == nil {
		c, err = pipeline.Verify(ctx, c)
	}
	return o.input(c), err
}

// commits are the ends of a comparison.
type commits struct {
	base, head git.Hash
	merge      git.Merge
}

func resolve(ctx context.Context, r *git.Repository, base, head string) (commits, error) {
	var c commits
	var err error
	if c.base, err = r.Resolve(ctx, base); err != nil {
		return c, fmt.Errorf("BASE: %w", err)
	}
	if c.head, err = r.Resolve(ctx, head); err != nil {
		return c, fmt.Errorf("HEAD: %w", err)
	}
	c.merge, err = r.Merge(ctx, c.base, c.head)
	return c, err
}

// scope names this repository: a source is in it when its URL is a remote's, or one that --repo gives.
func (o diffOptions) scope(ctx context.Context, base string) (plan.Scope, error) {
	remotes, err := git.Remotes(ctx, o.dir)
	if err != nil {
		return plan.Scope{}, err
	}
	names := map[string]bool{}
	for _, r := range remotes {
		names[spot(r.URL)] = true
	}
	for _, u := range o.repos {
		names[spot(u)] = true
	}
	branch := cmp.Or(o.branch, branchOf(base, remotes))
	return plan.Scope{
		Same:       func(u string) bool { return names[spot(u)] },
		BaseBranch: branch, DefaultBranch: branch, // a laptop does not know the forge's default; HEAD is taken to be the base
	}, nil
}

// spot is where a repository lies, however it is reached: people clone by SSH what applications name by HTTPS.
func spot(repoURL string) string {
	url := source.NormalizeURL(repoURL)
	if _, rest, ok := strings.Cut(url, "://"); ok {
		return rest
	}
	return url
}

// branchOf is the branch that a revision names. That of a remote is named after the remote; the slashes that are left are its own.
func branchOf(revision string, remotes []git.Remote) string {
	name := strings.TrimPrefix(strings.TrimPrefix(revision, "refs/heads/"), "refs/remotes/")
	for _, r := range remotes {
		if branch, ok := strings.CutPrefix(name, r.Name+"/"); ok {
			return branch
		}
	}
	return name
}

func gather(ctx context.Context, r *git.Repository, c commits, scope plan.Scope, generators *sets) (change.Input, change.Manifests, error) {
	in := change.Input{Scope: scope, Head: string(c.head), Trusted: true, Environment: environment(policy.Policy{})}
	var before change.Manifests
	var err error
	if in.BaseTree, err = r.Tree(ctx, c.base); err != nil {
		return in, before, err
	}
	if in.MergedTree, err = r.Tree(ctx, c.merge.Commit); err != nil {
		return in, before, err
	}
	files, err := r.Changed(ctx, c.base, c.merge.Commit)
	if err != nil {
		return in, before, err
	}
	for _, f := range files {
		in.Files = append(in.Files, f.Path)
		if f.Old != "" {
			in.Files = append(in.Files, f.Old)
		}
	}
	if before, err = change.Declared(in.BaseTree); err != nil {
		return in, before, err
	}
	after, err := change.Declared(in.MergedTree)
	if err != nil {
		return in, before, err
	}
	in.Applications, in.Proposed = generators.generate(scope, before, after, in.BaseTree, in.MergedTree)
	in.ApplicationSets = slices.Concat(before.ApplicationSets, after.ApplicationSets)
	if in.Proposed == nil {
		in.Proposed = []*argo.Application{}
	}
	noteNothing(generators.notes, slices.Concat(in.Applications, in.Proposed), scope)
	if p, fault := policyOf(in.BaseTree); fault == nil {
		in.Environment, in.Guards = environment(p), p.GuardsIn
		for _, e := range p.Environments {
			in.Order = append(in.Order, e.Name)
		}
	}
	return in, before, nil
}

// noteNothing says why nothing can change, where that is so: a checkout whose remote has another name than the applications give it looks
// as peaceful as one in which nothing changes.
func noteNothing(notes io.Writer, apps []*argo.Application, scope plan.Scope) {
	moving, still := plan.Select(apps, scope)
	switch {
	case len(moving) > 0:
	case len(still) > 0:
		fmt.Fprintf(notes, "slipway: note: no application follows %s; --branch names the branch that they follow\n", scope.BaseBranch)
	case len(apps) > 0:
		fmt.Fprintf(notes, "slipway: note: no application has a source in this repository; --repo says that it is one of these, as a remote of the checkout would: %s\n",
			strings.Join(repositories(apps), ", "))
	default:
		fmt.Fprintln(notes, "slipway: note: no Application or ApplicationSet that could be looked into is declared in either tree; those that live in a cluster only the server knows")
	}
}

// repositories are the URLs of the sources of applications, those that most of them name first, and five at most.
func repositories(apps []*argo.Application) []string {
	named := map[string]int{}
	for _, app := range apps {
		for _, s := range app.Spec.SourceList() {
			if s.Chart == "" && s.RepoURL != "" {
				named[s.RepoURL]++
			}
		}
	}
	all := slices.Collect(maps.Keys(named))
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(named[b], named[a]), cmp.Compare(a, b)) })
	return all[:min(len(all), 5)]
}

// policyOf reads the policy of a tree; a missing file is the zero policy.
func policyOf(tree *git.Tree) (policy.Policy, error) {
	data, err := tree.ReadFile(policy.File)
	if err != nil {
		return policy.Policy{}, nil //nolint:nilerr // a repository without a policy
	}
	p, fault := policy.Decode(data)
	if fault != nil {
		return p, fault
	}
	return p, nil
}

func environment(p policy.Policy) func(*argo.Application) string {
	return func(app *argo.Application) string { return p.Environment(app.Name, app.Labels) }
}

// controlNamespace is where most applications are declared, so that their instances have plain names.
func controlNamespace(apps []*argo.Application) string {
	counts := map[string]int{}
	best := "argocd"
	for _, app := range apps {
		counts[app.Namespace]++
		if counts[app.Namespace] > counts[best] {
			best = app.Namespace
		}
	}
	return best
}

// maxOutput is no limit that a terminal has; it keeps a runaway diff from filling a disk.
const maxOutput = 64 << 20

func (o diffOptions) input(c change.Change) report.Input {
	return report.Input{Change: c, Limit: maxOutput, Version: version}
}

// diffOutputs are the forms of the report.
var diffOutputs = []string{"auto", "markdown", "plain", "color", "json"}

func (o diffOptions) print(out io.Writer, in report.Input) error {
	var err error
	switch style := o.style(); style {
	case "plain", "color":
		_, err = io.WriteString(out, report.Terminal(in, style == "color"))
	case "json":
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(report.Summarise(in.Change))
	default:
		_, err = io.WriteString(out, report.Comment(in).Body)
	}
	return err
}

func (o diffOptions) style() string {
	if o.output != "auto" {
		return o.output
	}
	if term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "" {
		return "color"
	}
	return "markdown"
}
