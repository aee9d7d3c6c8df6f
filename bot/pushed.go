package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// wasPush says whether one of the reasons for a look is that commits were pushed.
func wasPush(reasons []string) bool {
	return slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(strings.ToLower(r), "push") })
}

// allSets are the ApplicationSets, not to be changed; none where their definition is not installed, or where we may not read them.
func (b *Bot) allSets(ctx context.Context) ([]argo.ApplicationSet, error) {
	sets := &argo.ApplicationSetList{}
	err := b.Client.List(ctx, sets, client.UnsafeDisableDeepCopy)
	if meta.IsNoMatchError(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing application sets: %w", err)
	}
	return sets.Items, nil
}

// pushedSets asks the controller to look at the ApplicationSets whose generators list a repository. Whether what they list has moved, a
// look tells them: it costs a fetch, and writes nothing where nothing has.
func (b *Bot) pushedSets(ctx context.Context, url string) error {
	sets, err := b.allSets(ctx)
	if err != nil {
		return err
	}
	for i := range sets {
		if set := &sets[i]; change.SetReads(set, func(u string) bool { return b.NormalizeURL(u) == url }) {
			if err := b.askSet(ctx, client.ObjectKeyFromObject(set)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pushed asks the controller to look at the applications whose sources in a repository have moved, so that nobody waits for the next poll.
func (b *Bot) pushed(ctx context.Context, f forge.Contents, repo forge.Repository) error {
	apps := &argo.ApplicationList{}
	if err := b.Client.List(ctx, apps); err != nil {
		return fmt.Errorf("listing applications: %w", err)
	}
	url := b.NormalizeURL(repo.CloneURL)
	if err := b.pushedSets(ctx, url); err != nil {
		return err
	}
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
