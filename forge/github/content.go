package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
)

// Credentials implements forge.Contents: a token that reads this repository's contents and lasts five minutes at least.
func (f *Forge) Credentials(ctx context.Context, r forge.Repository) (forge.Credentials, error) {
	installation, err := f.installation(ctx, r)
	if err != nil {
		return forge.Credentials{}, err
	}
	t, err := f.tokens.of(ctx, grant{installation: installation, repository: r.ID, job: clone})
	if err != nil {
		return forge.Credentials{}, fmt.Errorf("credentials for %s: %w", r.FullName(), err)
	}
	return forge.Credentials{Username: "x-access-token", Password: t.value, ExpiresAt: t.expires}, nil
}

// HeadRef implements forge.Contents. It is there for forks, too, and outlives them.
func (f *Forge) HeadRef(number int) string { return fmt.Sprintf("refs/pull/%d/head", number) }

// MergeRef implements forge.Contents. It may be of an older head or base.
func (f *Forge) MergeRef(number int) string { return fmt.Sprintf("refs/pull/%d/merge", number) }

// Repository implements forge.Repositories.
func (f *Forge) Repository(ctx context.Context, r forge.Repository) (forge.Repository, error) {
	doing := fmt.Sprintf("reading repository %d", r.ID)
	c, err := f.reach(ctx, r, look)
	if err != nil {
		return forge.Repository{}, refused(doing, err)
	}
	found, _, err := c.Repositories.GetByID(ctx, r.ID)
	if err != nil {
		return forge.Repository{}, refused(doing, err)
	}
	now, err := f.allowed(ctx, r, found)
	return now, refused(doing, err)
}

// allowed is r as GitHub says it is now, or ErrNotFound where it went to an owner that is not allowed.
func (f *Forge) allowed(ctx context.Context, r forge.Repository, found *github.Repository) (forge.Repository, error) {
	if !f.owners.allow(found.GetOwner().GetLogin()) {
		return forge.Repository{}, fmt.Errorf("%w: its owner %s is not allowed", forge.ErrNotFound, found.GetOwner().GetLogin())
	}
	installation, err := f.installation(ctx, r)
	return f.repository(found, installation), err
}

func (f *Forge) repository(found *github.Repository, installation int64) forge.Repository {
	r := f.named(found.GetID(), found.GetOwner().GetLogin(), found.GetName())
	r.Installation, r.DefaultBranch, r.Private, r.Archived = installation, found.GetDefaultBranch(), found.GetPrivate(), found.GetArchived()
	if u, err := url.Parse(found.GetCloneURL()); err == nil && u.Host == f.web.Host && u.Scheme == f.web.Scheme && u.User == nil {
		r.CloneURL = u.String()
	}
	return r
}

// Installed implements forge.Repositories. An installation that was taken away since it was listed has no repositories any more; any other
// failure of one leaves the others' in the list, beside the error.
func (f *Forge) Installed(ctx context.Context) ([]forge.Repository, error) {
	installations, err := f.installations(ctx)
	if err != nil {
		return nil, refused("listing the App's installations", err)
	}
	var all []forge.Repository
	var failed []error
	for _, id := range installations {
		some, err := f.reached(ctx, id)
		switch {
		case errors.Is(err, forge.ErrUnauthorized):
			f.log.WarnContext(ctx, "installation refuses us", "installation", id, "error", err.Error())
		case err != nil:
			failed = append(failed, err)
		default:
			all = append(all, some...)
		}
	}
	return all, errors.Join(failed...)
}

// installations of owners that are allowed, without those that are suspended.
func (f *Forge) installations(ctx context.Context) ([]int64, error) {
	var ids []int64
	var options github.ListOptions
	err := pages(&options, func() (*github.Response, error) {
		page, resp, err := f.app.Apps.ListInstallations(ctx, &options)
		for _, i := range page {
			if !f.owners.allow(i.GetAccount().GetLogin()) {
				f.ignore(ctx, i)
			} else if i.SuspendedAt == nil {
				ids = append(ids, i.GetID())
			}
		}
		return resp, err
	})
	return ids, err
}

func (f *Forge) ignore(ctx context.Context, i *github.Installation) {
	f.mu.Lock()
	said := f.ignored[i.GetID()]
	f.ignored[i.GetID()] = true
	f.mu.Unlock()
	if !said {
		f.log.WarnContext(ctx, "installation ignored: its owner is not allowed", "installation", i.GetID(), "owner", i.GetAccount().GetLogin())
	}
}

// reached are the repositories of one installation.
func (f *Forge) reached(ctx context.Context, installation int64) ([]forge.Repository, error) {
	line := f.line
	g := grant{installation: installation, job: look}
	line.Pace, line.Scope = f.pace(installation), g.String()
	c := f.client(&authorised{tokens: f.tokens, grant: g, next: &line})
	var all []forge.Repository
	var options github.ListOptions
	err := pages(&options, func() (*github.Response, error) {
		page, resp, err := c.Apps.ListRepos(ctx, &options)
		if err != nil {
			return resp, err
		}
		for _, found := range page.Repositories {
			if f.owners.allow(found.GetOwner().GetLogin()) {
				all = append(all, f.repository(found, installation))
			}
		}
		return resp, nil
	})
	return all, refused(fmt.Sprintf("listing the repositories of installation %d", installation), err)
}
