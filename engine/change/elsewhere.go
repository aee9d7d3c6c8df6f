package change

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/source"
)

// Elsewhere opens what the render of a source needs from other places: dependencies of charts, bases of other repositories, files by URL.
// They are the repository's word, so each is judged by the application's project as a source would be, every time it is asked for.
func (p *Pipeline) Elsewhere(r TargetRequest, src argo.ApplicationSource) func(context.Context, render.Remote) (*git.Tree, error) {
	return func(ctx context.Context, m render.Remote) (*git.Tree, error) {
		url, err := p.resolve(ctx, r.App.Spec.ProjectName(), m)
		if err != nil {
			return nil, err
		}
		if err := p.permit(ctx, r.App.Spec.ProjectName(), m, url); err != nil {
			return nil, err
		}
		if m.Kind == render.RemoteGit && r.Own != nil {
			if tree := r.Own(url, m.Version); tree != nil {
				return tree, nil
			}
		}
		if r.Named != nil && !r.Named(m) && !p.scoped(r.App.Spec.ProjectName(), url) {
			return nil, unseen{m}
		}
		if p.deps.Trees == nil {
			return nil, &object.Fault{Message: m.String() + " is not fetched here"}
		}
		q := source.Query{RepoURL: url, Project: r.App.Spec.ProjectName(), Revision: m.Version, Fresh: r.Fresh, Lent: true}
		switch m.Kind {
		case render.RemoteChart:
			q.Chart, q.PassCredentials = m.Chart, passesCredentials(src)
		case render.RemoteFile:
			q.File, q.Plain = true, slices.Contains(p.deps.Switches().ValuesFileSchemes, "http")
		}
		tree, err := p.deps.Trees.At(ctx, q)
		if _, wrong := object.AsFault(err); err != nil && !wrong && !source.Denied(err) {
			return nil, fmt.Errorf("%w: %w", render.ErrOutage, err)
		}
		return tree, err
	}
}

// unseen is something from elsewhere that only a pull request names: it is not fetched before someone has merged that.
type unseen struct{ remote render.Remote }

func (u unseen) Error() string {
	return "it needs " + u.remote.String() + ", which the base does not name: what that brings is not shown before the merge"
}

// resolve is the URL of a remote: a chart's repository may be named as it is registered.
func (p *Pipeline) resolve(ctx context.Context, proj string, m render.Remote) (string, error) {
	name, named := strings.CutPrefix(m.URL, "@")
	if !named {
		name, named = strings.CutPrefix(m.URL, "alias:")
	}
	if !named || m.Kind != render.RemoteChart {
		return m.URL, nil
	}
	if p.deps.Repository != nil {
		if url, ok := p.deps.Repository(ctx, name, proj); ok {
			return url, nil
		}
	}
	return "", &object.Fault{Message: fmt.Sprintf("no Helm repository is registered by the name %.100q for the project %s", name, proj),
		Hint: "register it by a repository secret with this name, or write its URL"}
}

// permit judges a remote by the project.
func (p *Pipeline) permit(ctx context.Context, name string, m render.Remote, url string) error {
	if p.deps.Project == nil {
		return nil
	}
	proj, err := p.deps.Project(ctx, name)
	if err != nil {
		return fmt.Errorf("reading the project %s: %w", name, err)
	}
	if proj == nil {
		return &object.Fault{Message: fmt.Sprintf("the AppProject %s does not exist", name)}
	}
	if permitted(proj, p.deps.Scope(name), url) {
		return nil
	}
	m.URL = url
	return &object.Fault{Message: fmt.Sprintf("the AppProject %s does not permit %s", name, m),
		Hint: "an administrator can add the repository to the project's sourceRepos"}
}

// permitted says whether a project permits a repository. Those of registries may be written with oci:// or without, and what is denied by
// one spelling is denied by the other.
func permitted(proj *argo.AppProject, scope project.Scope, url string) bool {
	rest, registry := strings.CutPrefix(url, "oci://")
	rules := project.New(proj, scope)
	if !registry {
		return rules.Source(url)
	}
	deny := proj.DeepCopy()
	deny.Spec.SourceRepos = append([]string{"*"}, slices.DeleteFunc(deny.Spec.SourceRepos, func(entry string) bool { return !strings.HasPrefix(entry, "!") })...)
	denied := project.New(deny, project.Scope{})
	return (rules.Source(url) || rules.Source(rest)) && denied.Source(url) && denied.Source(rest)
}

// scoped says whether a repository is registered for the project alone.
func (p *Pipeline) scoped(name, url string) bool {
	plain := func(s string) string { return strings.TrimPrefix(source.NormalizeURL(s), "oci://") }
	return slices.ContainsFunc(p.deps.Scope(name).Repositories, func(r string) bool { return plain(r) == plain(url) })
}

// remoteKey names what a remote is of, whatever its version, for telling whether the base names it already.
func remoteKey(m render.Remote) string { return fmt.Sprintf("%s %q %q", m.Kind, m.URL, m.Chart) }

// naming is the remotes that the base asks for, whether it got them or not.
type naming struct {
	mu  sync.Mutex
	all map[string]bool
}

// note remembers what the base asks for, all of which is named by it.
func (n *naming) note(m render.Remote) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[string]bool{}
	}
	n.all[remoteKey(m)] = true
	return true
}

func (n *naming) has(m render.Remote) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[remoteKey(m)]
}

// lent are traces of what the render of source i read of the repository that changes by naming it as a remote.
func (d draft) lent(i int) []SourceTrace {
	var all []SourceTrace
	for _, u := range d.results[i].Remotes {
		if d.own != nil && u.Remote.Kind == render.RemoteGit && d.own(u.Remote.URL, u.Remote.Version) != nil {
			all = append(all, SourceTrace{u.Remote.URL, u.Trace})
		}
	}
	return all
}
