package controller

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// lock finds the lock that holds the application at a revision; nil if there is none.
func (p *pass) lock(ctx context.Context) (*slipway.Lock, error) {
	locks := &slipway.LockList{}
	if err := p.client.List(ctx, locks, client.InNamespace(p.ControlNamespace)); err != nil {
		return nil, fmt.Errorf("listing locks: %w", err)
	}
	for i := range locks.Items {
		l := &locks.Items[i]
		ref := l.Spec.Application
		if ref != nil && ref.Namespace == p.app.Namespace && ref.Name == p.app.Name && l.Spec.Revision != "" && !l.Expired(p.now()) &&
			l.DeletionTimestamp.IsZero() {
			return l, nil
		}
	}
	return nil, nil
}

// lockedSources are the specification's sources at the locked revision.
func (p *pass) lockedSources() []argo.ApplicationSource {
	sources := slices.Clone(p.app.Spec.SourceList())
	for i := range sources {
		if len(sources) == 1 || belongsTo(sources[i].RepoURL, p.locked.Spec.Owner.URL) {
			sources[i].TargetRevision = p.locked.Spec.Revision
		}
	}
	return sources
}

// versionOf is a lock's resource version; "" of none.
func versionOf(l *slipway.Lock) string {
	if l == nil {
		return ""
	}
	return l.ResourceVersion
}

// belongsTo reports whether a pull request's page is one of a repository's.
func belongsTo(repoURL, page string) bool {
	repo, err := url.Parse(strings.TrimSuffix(repoURL, ".git"))
	if err != nil {
		return false
	}
	u, err := url.Parse(page)
	if err != nil {
		return false
	}
	path := strings.ToLower(strings.Trim(repo.Path, "/"))
	return path != "" && strings.EqualFold(repo.Hostname(), u.Hostname()) && strings.HasPrefix(strings.ToLower(strings.Trim(u.Path, "/"))+"/", path+"/")
}

func lockText(l *slipway.Lock) string {
	text := fmt.Sprintf("held at %s by %s", l.Spec.Revision, l.Spec.Owner.URL)
	if l.Spec.Reason != "" {
		text += ": " + l.Spec.Reason
	}
	return text + "; automated sync and self-heal use that revision"
}
