package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// wasPush says whether one of the reasons for a look is that commits were pushed.
func wasPush(reasons []string) bool {
	return slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(strings.ToLower(r), "push") })
}

// pushed asks the controller to look at the applications whose sources in a repository have moved, so that nobody waits for the next poll.
func (b *Bot) pushed(ctx context.Context, f forge.Contents, repo forge.Repository) error {
	apps := &argo.ApplicationList{}
	if err := b.Client.List(ctx, apps); err != nil {
		return fmt.Errorf("listing applications: %w", err)
	}
	url := b.NormalizeURL(repo.CloneURL)
	ours := slices.DeleteFunc(apps.Items, func(a argo.Application) bool {
		return !slices.ContainsFunc(a.Spec.SourceList(), func(s argo.ApplicationSource) bool { return s.Chart == "" && b.NormalizeURL(s.RepoURL) == url })
	})
	if len(ours) == 0 {
		return nil
	}
	mirror := b.Mirrors.Mirror(repo.CloneURL)
	if err := mirror.Fetch(ctx, credentials(f, repo)); err != nil {
		return fmt.Errorf("fetching %s after a push: %w", repo.FullName(), err)
	}
	tips := map[string]git.Hash{}
	for i := range ours {
		if !b.moved(ctx, mirror.Repository(), &ours[i], url, tips) {
			continue
		}
		if err := b.nudge(ctx, ours[i].Namespace, ours[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// moved says whether a source of an application in a repository names another commit than the one that was compared last. What a name
// means is kept in tips; one that means nothing is the controller's to complain about.
func (b *Bot) moved(ctx context.Context, r *git.Repository, app *argo.Application, url string, tips map[string]git.Hash) bool {
	seen := nonEmpty(app.Status.Sync.Revision, app.Status.Sync.Revisions)
	for i, s := range app.Spec.SourceList() {
		if s.Chart != "" || b.NormalizeURL(s.RepoURL) != url {
			continue
		}
		tip, known := tips[s.TargetRevision]
		if !known {
			name := s.TargetRevision
			if name == "" {
				name = "HEAD"
			}
			tip, _ = r.Resolve(ctx, name)
			tips[s.TargetRevision] = tip
		}
		if tip != "" && (i >= len(seen) || seen[i] != string(tip)) {
			return true
		}
	}
	return false
}
