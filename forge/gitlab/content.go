package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
)

// HeadRef implements forge.Contents. It is there for forks, too, and outlives them.
func (f *Forge) HeadRef(number int) string { return fmt.Sprintf("refs/merge-requests/%d/head", number) }

// MergeRef implements forge.Contents. GitLab makes it when asked to, so it may be old or missing.
func (f *Forge) MergeRef(number int) string {
	return fmt.Sprintf("refs/merge-requests/%d/merge", number)
}

// Repository implements forge.Repositories.
func (f *Forge) Repository(ctx context.Context, r forge.Repository) (forge.Repository, error) {
	doing := fmt.Sprintf("reading project %d", r.ID)
	found, _, err := f.api.Projects.GetProject(int(r.ID), nil, gitlab.WithContext(ctx))
	if err != nil {
		return forge.Repository{}, refused(doing, err)
	}
	known, ok := f.repository(found)
	if !ok {
		return forge.Repository{}, fmt.Errorf("%s: %w: its group is not allowed", doing, forge.ErrNotFound)
	}
	return known, nil
}

// repository is false when its owner is not allowed.
func (f *Forge) repository(found *gitlab.Project) (forge.Repository, bool) {
	r, ok := f.named(int64(found.ID), found.PathWithNamespace)
	if !ok {
		return forge.Repository{}, false
	}
	r.DefaultBranch, r.Private, r.Archived = found.DefaultBranch, found.Visibility != gitlab.PublicVisibility, found.Archived
	u, err := url.Parse(found.HTTPURLToRepo)
	if err == nil && u.Host == f.web.Host && u.Scheme == f.web.Scheme && u.User == nil {
		r.CloneURL = u.String()
	}
	return r, true
}

// named is the project with that path, if its owner is allowed.
func (v verifier) named(id int64, path string) (forge.Repository, bool) {
	slash := strings.LastIndex(path, "/")
	if id <= 0 || slash <= 0 || !projectPath.MatchString(path) || !v.owners.allow(path[:slash]) {
		return forge.Repository{}, false
	}
	return forge.Repository{
		Forge: forge.GitLab, Host: v.web.Host, ID: id, Owner: path[:slash], Name: path[slash+1:],
		CloneURL: v.web.JoinPath(path + ".git").String(),
	}, true
}

// Installed implements forge.Repositories: the projects that the bot is a member of, as a developer at least, since statuses need that.
func (f *Forge) Installed(ctx context.Context) ([]forge.Repository, error) {
	options := &gitlab.ListProjectsOptions{
		Membership: gitlab.Ptr(true), Archived: gitlab.Ptr(false), MinAccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions),
		OrderBy: gitlab.Ptr("id"), Sort: gitlab.Ptr("asc"),
	}
	var all []forge.Repository
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.Projects.ListProjects(options, gitlab.WithContext(ctx))
		for _, found := range page {
			if r, ok := f.repository(found); ok {
				all = append(all, r)
			} else {
				f.log.DebugContext(ctx, "project ignored: its group is not allowed", "project", found.ID)
			}
		}
		return resp, err
	})
	if err != nil {
		return nil, refused("listing the bot's projects", err)
	}
	return all, nil
}
