package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/slipway-cd/slipway/bot"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/github"
	"github.com/slipway-cd/slipway/forge/gitlab"
)

// lister lists what an ApplicationSet's generators ask of a forge.
type lister interface {
	PullRequests(ctx context.Context, q forge.PullQuery) ([]forge.PullRequest, error)
	Repositories(ctx context.Context, q forge.RepositoryQuery) ([]forge.Listed, error)
	Branches(ctx context.Context, r forge.Listed, all bool) ([]forge.Ref, error)
	HasPath(ctx context.Context, r forge.Listed, branch, path string) (bool, error)
}

// setForges answers the generators of ApplicationSets from forges.
type setForges struct {
	forges    *forges
	options   *serveOptions
	resources client.Reader // of the cache, for what the bot knows of pull requests
	fresh     client.Reader // of the API server
	gate      gate
	roots     *x509.CertPool
	log       *slog.Logger

	mu      sync.Mutex
	listers map[string]lister // by whom and with what they ask, so that what they remember is kept
}

// maxListers bounds how many credentials are remembered.
const maxListers = 256

var _ controller.Forges = (*setForges)(nil)

// PullRequests implements controller.Forges. Of a repository that the bot looks after it is the bot's to say which pull requests have an
// environment, and of which commit.
func (s *setForges) PullRequests(ctx context.Context, a controller.Asking, g *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	served, found, err := s.pulls(ctx, a, g)
	if errors.Is(err, forge.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", appset.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	if served != nil && s.options.previews {
		return s.chosen(ctx, *served, found, g)
	}
	all := make([]appset.PullRequest, 0, len(found))
	for _, p := range found {
		if !labelled(p, g) {
			continue
		}
		out := listed(p)
		if !a.Strangers && p.Fork() {
			if out.Held, err = s.stranger(ctx, p); err != nil {
				return nil, err
			}
		}
		all = append(all, out)
	}
	return all, nil
}

func listed(p forge.PullRequest) appset.PullRequest {
	return appset.PullRequest{Number: int64(p.Number), Title: p.Title, Branch: p.Head.Name, TargetBranch: p.Base.Name, HeadSHA: p.Head.SHA,
		Labels: p.Labels, Author: p.Author.Login}
}

// labelled says whether a pull request has the labels that a generator asks for.
func labelled(p forge.PullRequest, g *argo.PullRequestGenerator) bool {
	return !slices.ContainsFunc(wantedLabels(g), func(l string) bool { return !slices.Contains(p.Labels, l) })
}

func wantedLabels(g *argo.PullRequestGenerator) []string {
	if g.GitLab != nil {
		return g.GitLab.Labels
	}
	return g.Github.Labels
}

// chosen are those of the open pull requests that the bot has an environment for. One that it has not looked at yet is held: nothing of it
// is made, changed or deleted.
func (s *setForges) chosen(ctx context.Context, r served, open []forge.PullRequest, g *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	decided, err := bot.ReadEnvironments(ctx, s.fresh, s.options.namespace, r.repository.Host, r.repository.FullName())
	if err != nil {
		return nil, err
	}
	var all []appset.PullRequest
	for _, p := range open {
		sha, known := decided.Of(p.Number, p.Labels, wantedLabels(g))
		out := listed(p)
		switch {
		case !known && labelled(p, g):
			out.Held = "it has not been looked at yet"
		case sha == "":
			continue
		default:
			out.HeadSHA = sha
		}
		all = append(all, out)
	}
	return all, nil
}

// pulls are a repository's open pull requests: all of them where the installation serves it, else those that have the labels.
func (s *setForges) pulls(ctx context.Context, a controller.Asking, g *argo.PullRequestGenerator) (*served, []forge.PullRequest, error) {
	q := asked{kind: forge.GitHub}
	if g.GitLab != nil {
		q = asked{api: g.GitLab.API, path: g.GitLab.Project, kind: forge.GitLab}
	} else {
		q.api, q.path, q.owner = g.Github.API, g.Github.Owner+"/"+g.Github.Repo, g.Github.Owner
	}
	if g.GitLab == nil || g.GitLab.PullRequestState == "" || g.GitLab.PullRequestState == "opened" {
		r, ok, err := s.served(ctx, a, q)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			all, err := r.forge.OpenPullRequests(ctx, r.repository)
			return &r, all, err
		}
	}
	ask, query := s.github, forge.PullQuery{Repository: q.path, Labels: wantedLabels(g)}
	if g.GitLab != nil {
		ask, query.State = s.gitlab, g.GitLab.PullRequestState
	}
	l, err := ask(ctx, a, q)
	if err != nil {
		return nil, nil, err
	}
	all, err := l.PullRequests(ctx, query)
	return nil, all, err
}

// stranger says why nothing may be made of the head of a fork, or "": the bot must know that head for one whose author may write, or that
// somebody who may has vouched for.
func (s *setForges) stranger(ctx context.Context, p forge.PullRequest) (string, error) {
	known := &slipway.PullRequest{}
	key := client.ObjectKey{Namespace: s.options.namespace, Name: slipway.PullRequestName(p.Repository.Host, p.Repository.ID, p.Number)}
	if err := s.resources.Get(ctx, key, known); client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading what is known of %s#%d: %w", p.Repository.FullName(), p.Number, err)
	}
	if known.Status.Trusted && known.Status.TrustedSHA == p.Head.SHA {
		return "", nil
	}
	return "its head is of a fork, and nobody who may write has said /ok-to-test to it", nil
}

// Host implements controller.Forges.
func (s *setForges) Host(ctx context.Context, a controller.Asking, g *argo.SCMProviderGenerator) (appset.Host, error) {
	h := hostFuncs{}
	var l lister
	var err error
	var q forge.RepositoryQuery
	all, archived := false, true
	if g.Github != nil {
		l, err = s.github(ctx, a, asked{api: g.Github.API, path: g.Github.Organization + "/", owner: g.Github.Organization})
		q, all, archived = forge.RepositoryQuery{Owner: g.Github.Organization}, g.Github.AllBranches, !g.Github.ExcludeArchivedRepos
	} else {
		l, err = s.gitlab(ctx, a, asked{api: g.Gitlab.API, path: g.Gitlab.Group + "/"})
		shared := g.Gitlab.IncludeSharedProjects
		q, all = forge.RepositoryQuery{Owner: g.Gitlab.Group, Subgroups: g.Gitlab.IncludeSubgroups, Shared: shared == nil || *shared,
			Archived: g.Gitlab.IncludeArchivedRepos, Topic: g.Gitlab.Topic}, g.Gitlab.AllBranches
	}
	if err != nil {
		return nil, err
	}
	known := map[int64]forge.Listed{}
	h.repositories = func() ([]appset.Repository, error) {
		found, err := l.Repositories(ctx, q)
		var out []appset.Repository
		for _, r := range found {
			if r.Archived && !archived {
				continue
			}
			known[r.ID] = r
			url := r.SSHURL
			if g.CloneProtocol == "https" {
				url = r.CloneURL
			}
			out = append(out, appset.Repository{ID: r.ID, Organization: r.Owner, Name: r.Name, URL: url, DefaultBranch: r.DefaultBranch, Labels: r.Topics})
		}
		return out, err
	}
	h.branches = func(r appset.Repository) ([]appset.Branch, error) {
		found, err := l.Branches(ctx, known[r.ID], all)
		var out []appset.Branch
		for _, b := range found {
			out = append(out, appset.Branch{Name: b.Name, SHA: b.SHA})
		}
		return out, err
	}
	h.hasPath = func(r appset.Repository, branch, path string) (bool, error) {
		return l.HasPath(ctx, known[r.ID], branch, path)
	}
	return h, nil
}

// hostFuncs is a host for as long as one look at a set takes.
type hostFuncs struct {
	repositories func() ([]appset.Repository, error)
	branches     func(r appset.Repository) ([]appset.Branch, error)
	hasPath      func(r appset.Repository, branch, path string) (bool, error)
}

func (h hostFuncs) Repositories() ([]appset.Repository, error)            { return h.repositories() }
func (h hostFuncs) Branches(r appset.Repository) ([]appset.Branch, error) { return h.branches(r) }
func (h hostFuncs) HasPath(r appset.Repository, branch, path string) (bool, error) {
	return h.hasPath(r, branch, path)
}

// newSetForges asks forges with what the installation has.
func newSetForges(o *serveOptions, d engineDeps) (*setForges, error) {
	out, pool, err := o.outside()
	if err != nil {
		return nil, err
	}
	return &setForges{forges: d.forges, options: o, resources: d.mgr.GetClient(), fresh: d.mgr.GetAPIReader(), gate: out, roots: pool, log: d.log}, nil
}

// ofServed are the pull requests of a repository that the installation serves, as a set of the control namespace would list them.
func (s *setForges) ofServed(ctx context.Context, g *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	return s.PullRequests(ctx, controller.Asking{Own: true}, g)
}

// applicationSets is what the controller needs for them; nil where their definition is not installed.
func applicationSets(mgr manager.Manager, o *serveOptions, e engine, log *slog.Logger) (*controller.Sets, error) {
	_, err := mgr.GetRESTMapper().RESTMapping(schema.GroupKind{Group: argo.Group, Kind: "ApplicationSet"}, argo.Version)
	if meta.IsNoMatchError(err) {
		log.Warn("the definition of ApplicationSets is not installed: there are none before it is, and Slipway is started again")
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the definition of ApplicationSets: %w", err)
	}
	return &controller.Sets{
		Trees: e.sources, Settings: o.withSets(e.settings), Plugins: e.pulls.gate.client(e.pulls.roots), Forges: e.pulls, Answers: e.answers,
		Options: controller.SetOptions{Concurrency: o.setWorkers, DeleteLimit: o.setDeleteLimit},
	}, nil
}

// withSets are settings whose ApplicationSets count in the namespaces that are watched for them.
func (o *serveOptions) withSets(known func(context.Context) settings.Settings) func(context.Context) settings.Settings {
	return func(ctx context.Context) settings.Settings {
		now := known(ctx)
		now.Sets.Namespaces = o.setNamespaces
		return now
	}
}

// Closed implements controller.Forges: the bot reads a pull request from the forge before it writes down that it is closed, or that its
// environment is to end by a command or because its time is up.
func (s *setForges) Closed(ctx context.Context, p appset.Pull) (bool, error) {
	path, kind := "", slipway.ForgeGitHub
	switch {
	case p.Generator.Github != nil:
		path = p.Generator.Github.Owner + "/" + p.Generator.Github.Repo
	case p.Generator.GitLab != nil:
		path, kind = p.Generator.GitLab.Project, slipway.ForgeGitLab
	}
	var all slipway.PullRequestList
	if err := s.resources.List(ctx, &all, client.InNamespace(s.options.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("reading what is known of pull requests: %w", err)
	}
	for i := range all.Items {
		r := &all.Items[i]
		named := strings.EqualFold(r.Spec.Repository.FullName(), path) || strconv.FormatInt(r.Spec.Repository.ID, 10) == path
		if named && r.Spec.Forge == kind && fmt.Sprint(r.Spec.Number) == p.Number {
			return r.Status.State == slipway.StateClosed || r.Status.State == slipway.StateMerged || s.options.previews && r.Status.PreviewStopped(), nil
		}
	}
	return false, nil
}

// asked is what a generator asks for.
type asked struct {
	api  string // as the set writes it
	path string // owner/name, or the path of a group with a slash at its end
	// owner is whose installation of an App is meant.
	owner string
	kind  forge.Kind
}

// served is the repository where the installation itself serves it and the set may ask with its credentials.
func (s *setForges) served(ctx context.Context, a controller.Asking, q asked) (served, bool, error) {
	if !a.Own || a.Token != "" || a.App != nil {
		return served{}, false, nil
	}
	base := s.options.githubURL
	if q.kind == forge.GitLab {
		base = s.options.gitlabURL
	}
	if !sameAPI(q.api, base, q.kind) {
		return served{}, false, nil
	}
	for _, site := range s.forges.sites {
		if site.Kind != q.kind {
			continue
		}
		r, ok, err := s.forges.find(ctx, "https://"+site.Host+"/"+strings.TrimSuffix(q.path, "/")+".git")
		if !ok && err == nil && q.kind == forge.GitLab {
			r, ok = s.forges.numbered(site.Host, q.path)
		}
		if ok || err != nil {
			return r, ok, err
		}
	}
	return served{}, false, nil
}

// sameAPI says whether a set's address of a forge is that of the one that is served; empty is the public one.
func sameAPI(asked, base string, kind forge.Kind) bool {
	tidy := func(s string) string {
		s = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(s), "/"), "/api/v3"), "/api/v4")
		switch {
		case s == "" && kind == forge.GitLab:
			return "https://gitlab.com"
		case s == "":
			return "https://api.github.com"
		}
		return s
	}
	return tidy(asked) == tidy(base)
}

// github asks with the set's credentials, or as the App where the installation serves what is asked for, or as anybody.
func (s *setForges) github(ctx context.Context, a controller.Asking, q asked) (lister, error) {
	if a.Own && a.Token == "" && a.App == nil && sameAPI(q.api, s.options.githubURL, forge.GitHub) && s.forges.owns(q.path) {
		a.App, q.api = s.forges.app, s.options.githubURL
	}
	return s.lister(a, "github "+q.api+" "+q.owner, func(c *http.Client) (lister, error) {
		o := github.ListerOptions{BaseURL: q.api, Token: string(a.Token), Owner: q.owner, HTTP: c, Log: s.log}
		if a.App != nil {
			o.AppID, o.Installation, o.PrivateKey = a.App.ID, a.App.InstallationID, []byte(a.App.PrivateKey)
			if o.BaseURL == "" {
				o.BaseURL = a.App.EnterpriseURL
			}
		}
		return github.NewLister(ctx, o)
	})
}

// gitlab asks with the set's token, or as the bot where the installation serves what is asked for, or as anybody.
func (s *setForges) gitlab(_ context.Context, a controller.Asking, q asked) (lister, error) {
	token := string(a.Token)
	if a.Own && token == "" && sameAPI(q.api, s.options.gitlabURL, forge.GitLab) && s.options.gitlabURL != "" && s.forges.owns(q.path) {
		token = s.forges.gitlabToken
	}
	sum := sha256.Sum256([]byte(token))
	return s.lister(a, fmt.Sprintf("gitlab %s %x", q.api, sum[:8]), func(c *http.Client) (lister, error) {
		return gitlab.NewLister(gitlab.ListerOptions{BaseURL: q.api, Token: token, HTTP: c, Log: s.log})
	})
}

// lister is the one that was made for the same asking, or a new one.
func (s *setForges) lister(a controller.Asking, name string, open func(*http.Client) (lister, error)) (lister, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %v", string(a.Token), a.CA, a.Insecure)
	if a.App != nil {
		fmt.Fprintf(h, " %d %d %q", a.App.ID, a.App.InstallationID, string(a.App.PrivateKey))
	}
	key := fmt.Sprintf("%s %x", name, h.Sum(nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.listers[key]; ok {
		return l, nil
	}
	c, err := s.client(a)
	if err != nil {
		return nil, err
	}
	l, err := open(c)
	if err != nil {
		return nil, err
	}
	if len(s.listers) >= maxListers || s.listers == nil {
		s.listers = map[string]lister{}
	}
	s.listers[key] = l
	return l, nil
}

// client trusts what the asking trusts. Every dial of it passes the gate.
func (s *setForges) client(a controller.Asking) (*http.Client, error) {
	pool := s.roots
	if len(a.CA) > 0 {
		if pool == nil {
			if system, err := x509.SystemCertPool(); err == nil {
				pool = system
			} else {
				pool = x509.NewCertPool()
			}
		} else {
			pool = pool.Clone()
		}
		if !pool.AppendCertsFromPEM(a.CA) {
			return nil, errors.New("the certificates that caRef names are none")
		}
	}
	c := s.gate.client(pool)
	if t, ok := c.Transport.(*http.Transport); ok && a.Insecure {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.InsecureSkipVerify = true // the set's author asks for that
	}
	return c, nil
}
