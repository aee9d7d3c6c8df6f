package github

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// ListerOptions of NewLister. Without a Token and without an App it reads what everybody may.
type ListerOptions struct {
	// BaseURL of the REST API. Empty: github.com.
	BaseURL string
	Token   string
	// AppID and PrivateKey are a GitHub App's; Installation is found by Owner where it is 0.
	AppID, Installation int64
	PrivateKey          []byte
	Owner               string
	// HTTP gives the transport beneath everything.
	HTTP *http.Client
	// Timeout of one attempt at a call, and Backoff before it is repeated. Zero: 15 s, 200 ms.
	Timeout, Backoff time.Duration
	Log              *slog.Logger
}

// Lister lists pull requests and repositories with a credential of its own, beside what the App itself serves. It is safe for concurrent
// use. What it lists is all of it or an error: a page that is missing is never taken for the end.
type Lister struct {
	api *github.Client
	web *url.URL
}

// NewLister checks the options. It makes a call only where an App's installation is to be found.
func NewLister(ctx context.Context, o ListerOptions) (*Lister, error) {
	api, web, err := Addresses(o.BaseURL)
	if err != nil {
		return nil, err
	}
	client := func(rt http.RoundTripper) *github.Client {
		c := github.NewClient(&http.Client{Transport: rt})
		c.BaseURL, c.UploadURL, c.UserAgent = api, api, "slipway"
		return c
	}
	scope := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d", o.Token, o.AppID, o.Installation))
	line := &wire.Transport{Next: transport(Options{HTTP: o.HTTP}), Host: api.Host, Scheme: api.Scheme, Limited: limited, Cache: wire.NewCache(16 << 20),
		Scope: fmt.Sprintf("%x", scope[:8]), Pace: wire.NewPace(wire.Limits{}), Timeout: o.Timeout, Backoff: o.Backoff, RequestID: "X-GitHub-Request-Id", Log: o.Log}
	if o.AppID == 0 {
		return &Lister{api: client(bearer{o.Token, line}), web: web}, nil
	}
	uncached := *line
	uncached.Cache = nil
	signed, err := ghinstallation.NewAppsTransport(&uncached, o.AppID, o.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the App's private key cannot be used: %w", err)
	}
	signed.BaseURL = strings.TrimSuffix(api.String(), "/")
	if o.Installation == 0 {
		if o.Installation, err = findInstallation(ctx, client(signed), o.Owner); err != nil {
			return nil, err
		}
	}
	authorised := ghinstallation.NewFromAppsTransport(signed, o.Installation)
	authorised.BaseURL = signed.BaseURL
	// The token is asked for beneath the cache, so that what is remembered does not depend on it.
	line.Next = tokenBeneath{authorised, line.Next}
	return &Lister{api: client(line), web: web}, nil
}

func findInstallation(ctx context.Context, c *github.Client, owner string) (int64, error) {
	found, _, err := c.Apps.FindOrganizationInstallation(ctx, owner)
	if status(err) == http.StatusNotFound {
		found, _, err = c.Apps.FindUserInstallation(ctx, owner)
	}
	if err != nil {
		return 0, refused("finding the App's installation of "+owner, err)
	}
	return found.GetID(), nil
}

// bearer shows a token, if there is one.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.token != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(req)
}

// tokenBeneath shows an installation's token.
type tokenBeneath struct {
	tokens *ghinstallation.Transport
	next   http.RoundTripper
}

func (t tokenBeneath) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.tokens.Token(req.Context())
	if err != nil {
		return nil, fmt.Errorf("making a token of the App's: %w", err)
	}
	return bearer{token, t.next}.RoundTrip(req)
}

// PullRequests are the open ones of a repository, in the order of their creation. ErrNotFound where it is not there, or not for us to see.
func (l *Lister) PullRequests(ctx context.Context, q forge.PullQuery) ([]forge.PullRequest, error) {
	doing := "listing the pull requests of " + q.Repository
	owner, name, ok := strings.Cut(q.Repository, "/")
	if !ok || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%s: %w: that is no repository's name", doing, forge.ErrInvalid)
	}
	r := forge.Repository{Forge: forge.GitHub, Host: l.web.Host, Owner: owner, Name: name}
	options := &github.PullRequestListOptions{State: "open", Sort: "created", Direction: "asc"}
	var all []forge.PullRequest
	err := pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := l.api.PullRequests.List(ctx, owner, name, options)
		for _, pr := range page {
			r.ID = pr.GetBase().GetRepo().GetID()
			if p := pullRequest(r, pr); hasAll(p.Labels, q.Labels) {
				all = append(all, p)
			}
		}
		return resp, err
	})
	if err != nil {
		return nil, refused(doing, err)
	}
	return all, nil
}

func hasAll(have, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(l string) bool { return !slices.Contains(have, l) })
}

// Repositories are those of an organisation that we may see.
func (l *Lister) Repositories(ctx context.Context, q forge.RepositoryQuery) ([]forge.Listed, error) {
	options := &github.RepositoryListByOrgOptions{Sort: "created", Direction: "asc"}
	var all []forge.Listed
	err := pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := l.api.Repositories.ListByOrg(ctx, q.Owner, options)
		for _, r := range page {
			all = append(all, forge.Listed{SSHURL: r.GetSSHURL(), Topics: r.Topics, Archived: r.GetArchived(), Repository: forge.Repository{
				Forge: forge.GitHub, Host: l.web.Host, ID: r.GetID(), Owner: r.GetOwner().GetLogin(), Name: r.GetName(), CloneURL: r.GetCloneURL(),
				DefaultBranch: r.GetDefaultBranch(), Private: r.GetPrivate(),
			}})
		}
		return resp, err
	})
	if err != nil {
		return nil, refused("listing the repositories of "+q.Owner, err)
	}
	return all, nil
}

// Branches are the default branch of a repository, or all; none of one that has no commits yet.
func (l *Lister) Branches(ctx context.Context, r forge.Listed, all bool) ([]forge.Ref, error) {
	doing := "listing the branches of " + r.FullName()
	if !all {
		b, resp, err := l.api.Repositories.GetBranch(ctx, r.Owner, r.Name, r.DefaultBranch, 0)
		if err != nil && resp != nil && resp.StatusCode == http.StatusNotFound { // the library has an error of its own for it
			return nil, nil
		}
		if err != nil {
			return nil, refused(doing, err)
		}
		return []forge.Ref{{Name: b.GetName(), SHA: b.GetCommit().GetSHA()}}, nil
	}
	options := &github.BranchListOptions{}
	var found []forge.Ref
	err := pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := l.api.Repositories.ListBranches(ctx, r.Owner, r.Name, options)
		for _, b := range page {
			found = append(found, forge.Ref{Name: b.GetName(), SHA: b.GetCommit().GetSHA()})
		}
		return resp, err
	})
	if err != nil {
		return nil, refused(doing, err)
	}
	return found, nil
}

// HasPath says whether a branch has a file or folder of that path.
func (l *Lister) HasPath(ctx context.Context, r forge.Listed, branch, path string) (bool, error) {
	_, _, _, err := l.api.Repositories.GetContents(ctx, r.Owner, r.Name, path, &github.RepositoryContentGetOptions{Ref: branch})
	var limited *forge.RateLimited
	if status(err) == http.StatusNotFound && !errors.As(err, &limited) {
		return false, nil
	}
	if err != nil {
		return false, refused(fmt.Sprintf("looking for %s in %s", path, r.FullName()), err)
	}
	return true, nil
}
