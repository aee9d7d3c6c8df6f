//lint:file-ignore SA1019 go-gitlab is the client that was chosen; its deprecation names where it continues, not a fault of it.

package gitlab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
)

// ListerOptions of NewLister. Without a Token it reads what everybody may.
type ListerOptions struct {
	// BaseURL of the GitLab. Empty: gitlab.com.
	BaseURL string
	Token   string
	// HTTP gives the transport beneath everything.
	HTTP *http.Client
	// Timeout of one attempt at a call, and Backoff before it is repeated. Zero: 15 s, 200 ms.
	Timeout, Backoff time.Duration
	Log              *slog.Logger
}

// Lister lists merge requests and projects with a credential of its own. It is safe for concurrent use. What it lists is all of it or an
// error: a page that is missing is never taken for the end.
type Lister struct {
	api *gitlab.Client
	web *url.URL
}

// NewLister checks the options and makes no call.
func NewLister(o ListerOptions) (*Lister, error) {
	base := o.BaseURL
	if base == "" {
		base = "https://gitlab.com"
	}
	web, err := url.Parse(base)
	if err != nil || web.Scheme != "https" && web.Scheme != "http" || web.Host == "" || web.User != nil {
		return nil, errors.New("the address of GitLab is no plain https URL")
	}
	web.Path = strings.TrimSuffix(strings.TrimSuffix(web.Path, "/"), "/api/v4")
	l := line(Options{HTTP: o.HTTP, Timeout: o.Timeout, Backoff: o.Backoff, Log: o.Log}, web)
	scope := sha256.Sum256([]byte(o.Token))
	l.Scope = fmt.Sprintf("%x", scope[:8])
	api, err := gitlab.NewClient(o.Token, gitlab.WithBaseURL(web.String()), gitlab.WithoutRetries(), gitlab.WithHTTPClient(&http.Client{Transport: unthrottled{l}}))
	if err != nil {
		return nil, fmt.Errorf("the address of GitLab: %w", err)
	}
	return &Lister{api: api, web: web}, nil
}

// PullRequests are a project's merge requests, in the order of their creation. Their base's commit is that of their last version.
func (l *Lister) PullRequests(ctx context.Context, q forge.PullQuery) ([]forge.PullRequest, error) {
	options := &gitlab.ListProjectMergeRequestsOptions{OrderBy: gitlab.Ptr("created_at"), Sort: gitlab.Ptr("asc")}
	if q.State != "" {
		options.State = &q.State
	}
	if len(q.Labels) > 0 {
		options.Labels = (*gitlab.LabelOptions)(&q.Labels)
	}
	r := forge.Repository{Forge: forge.GitLab, Host: l.web.Host, Owner: path.Dir(q.Repository), Name: path.Base(q.Repository)}
	var all []forge.PullRequest
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := l.api.MergeRequests.ListProjectMergeRequests(q.Repository, options, gitlab.WithContext(ctx))
		for _, mr := range page {
			r.ID = int64(mr.ProjectID)
			p := pullRequest(r, mr)
			p.Title = mr.Title // with the word that marks a draft, which filters may go by
			all = append(all, p)
		}
		return resp, err
	})
	if err != nil {
		return nil, refused("listing the merge requests of "+q.Repository, err)
	}
	return all, nil
}

// Repositories are the projects of a group.
func (l *Lister) Repositories(ctx context.Context, q forge.RepositoryQuery) ([]forge.Listed, error) {
	options := &gitlab.ListGroupProjectsOptions{IncludeSubGroups: &q.Subgroups, WithShared: &q.Shared, OrderBy: gitlab.Ptr("id"), Sort: gitlab.Ptr("asc")}
	if q.Topic != "" {
		options.Topic = &q.Topic
	}
	if !q.Archived {
		options.Archived = gitlab.Ptr(false)
	}
	var all []forge.Listed
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := l.api.Groups.ListGroupProjects(q.Owner, options, gitlab.WithContext(ctx))
		for _, p := range page {
			all = append(all, forge.Listed{SSHURL: p.SSHURLToRepo, Topics: p.Topics, Archived: p.Archived, Repository: forge.Repository{
				Forge: forge.GitLab, Host: l.web.Host, ID: int64(p.ID), Owner: path.Dir(p.PathWithNamespace), Name: p.Path, CloneURL: p.HTTPURLToRepo,
				DefaultBranch: p.DefaultBranch, Private: p.Visibility != gitlab.PublicVisibility,
			}})
		}
		return resp, err
	})
	if err != nil {
		return nil, refused("listing the projects of "+q.Owner, err)
	}
	return all, nil
}

// Branches are the default branch of a project, or all; none of one that has no commits yet.
func (l *Lister) Branches(ctx context.Context, r forge.Listed, all bool) ([]forge.Ref, error) {
	doing := "listing the branches of " + r.FullName()
	ref := func(b *gitlab.Branch) forge.Ref {
		out := forge.Ref{Name: b.Name}
		if b.Commit != nil {
			out.SHA = b.Commit.ID
		}
		return out
	}
	if !all {
		b, _, err := l.api.Branches.GetBranch(int(r.ID), r.DefaultBranch, gitlab.WithContext(ctx))
		if errors.Is(err, gitlab.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, refused(doing, err)
		}
		return []forge.Ref{ref(b)}, nil
	}
	options := &gitlab.ListBranchesOptions{}
	var found []forge.Ref
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := l.api.Branches.ListBranches(int(r.ID), options, gitlab.WithContext(ctx))
		for _, b := range page {
			found = append(found, ref(b))
		}
		return resp, err
	})
	if err != nil {
		return nil, refused(doing, err)
	}
	return found, nil
}

// HasPath says whether a branch has a file or folder of that path: whether the folder around it lists it.
func (l *Lister) HasPath(ctx context.Context, r forge.Listed, branch, name string) (bool, error) {
	name = path.Clean(strings.Trim(name, "/"))
	options := &gitlab.ListTreeOptions{Ref: &branch}
	if dir := path.Dir(name); dir != "." {
		options.Path = &dir
	}
	found := false
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := l.api.Repositories.ListTree(int(r.ID), options, gitlab.WithContext(ctx))
		for _, node := range page {
			found = found || node.Path == name
		}
		return resp, err
	})
	if errors.Is(err, gitlab.ErrNotFound) {
		return false, nil // the folder is not there
	}
	if err != nil {
		return false, refused(fmt.Sprintf("looking for %s in %s", name, r.FullName()), err)
	}
	return found, nil
}
