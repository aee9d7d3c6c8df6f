package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// right is what somebody may see of a repository's deliveries.
type right int

const (
	nothing right = iota
	// reports are pull requests with their reports and commands: what stands in comments, too.
	reports
	// live are applications with their objects, events and logs. Who may read a private repository may see them; a public one
	// everybody may read, so there it takes write permission.
	live
)

// rightOf is what a permission gives.
func rightOf(p forge.Permission, private bool) right {
	switch {
	case p >= forge.Write, private && p >= forge.Read:
		return live
	case p >= forge.Read:
		return reports
	}
	return nothing
}

// rights remembers for a moment what people may see.
type rights struct {
	moment[rightKey, granted]
	asks singleflight.Group
}

type rightKey struct {
	site       string
	repository int64
	user       int64
}

type granted struct {
	at    time.Time
	right right
}

// may says what somebody may see of a repository, asked of the forge with the bot's own credentials if it was not just now. When the
// forge cannot be asked it is an error: nobody is let in on a guess.
func (w *Web) may(ctx context.Context, s session, repo forge.Repository) (right, error) {
	site, ok := w.site(s.Site)
	if !ok || repo.Forge != site.Kind || !strings.EqualFold(repo.Host, site.Host) || repo.ID == 0 {
		return nothing, nil
	}
	key := rightKey{s.Site, repo.ID, s.User.ID}
	if g, ok := w.rights.recall(key); ok && w.Now().Sub(g.at) <= w.Fresh {
		return g.right, nil
	}
	got, err, _ := w.rights.asks.Do(fmt.Sprint(key), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		at := w.Now()
		r, err := permitted(ctx, site.Access, repo, s.User)
		if err == nil {
			w.rights.keep(key, granted{at, r})
		}
		return r, err
	})
	if err != nil {
		return nothing, fmt.Errorf("asking %s what %s may read: %w", site.Host, s.User.Login, err)
	}
	r, _ := got.(right)
	return r, nil
}

// permitted asks the forge. The repository is read again first: it may be called, or be, something else by now.
func permitted(ctx context.Context, site Access, repo forge.Repository, user forge.User) (right, error) {
	now, err := site.Repository(ctx, repo)
	if err == nil {
		now.Installation = repo.Installation
		var p forge.Permission
		if p, err = site.Permission(ctx, now, user); err == nil {
			return rightOf(p, now.Private), nil
		}
	}
	for _, no := range []error{forge.ErrNotFound, forge.ErrForbidden, forge.ErrUnauthorized} {
		if errors.Is(err, no) {
			return nothing, nil
		}
	}
	return nothing, err
}

// pull is a pull request by its resource's name, if it is for these eyes.
func (w *Web) pull(ctx context.Context, s session, name string) (*slipway.PullRequest, right, error) {
	p := &slipway.PullRequest{}
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: name}, p)
	if apierrors.IsNotFound(err) {
		return nil, nothing, ErrNotThere
	}
	if err != nil {
		return nil, nothing, fmt.Errorf("reading a pull request: %w", err)
	}
	r, err := w.may(ctx, s, bot.Repository(p))
	if err != nil {
		return nil, nothing, err
	}
	if r < reports {
		return nil, nothing, ErrNotThere
	}
	return p, r, nil
}

// application is an Application by its name, if it is for these eyes.
func (w *Web) application(ctx context.Context, s session, namespace, name string) (*argo.Application, error) {
	app := &argo.Application{}
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, app)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return nil, ErrNotThere
	}
	if err != nil {
		return nil, fmt.Errorf("reading an application: %w", err)
	}
	ok, err := w.sees(ctx, s, app)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNotThere
	}
	return app, nil
}

// sees says whether an application is for somebody's eyes: it has a source in a repository that is served here, and they may see what is
// live of every such repository that it has a source in.
func (w *Web) sees(ctx context.Context, s session, app *argo.Application) (bool, error) {
	some := false
	for _, source := range sourcesOf(app) {
		repo, served, err := w.Served(ctx, source)
		if err != nil {
			return false, fmt.Errorf("finding the repository of %s: %w", app.Name, err)
		}
		if !served {
			continue
		}
		r, err := w.may(ctx, s, repo)
		if err != nil || r < live {
			return false, err
		}
		some = true
	}
	return some, nil
}

// sourcesOf are the addresses of an application's sources, each once.
func sourcesOf(app *argo.Application) []string {
	var all []string
	for _, s := range app.Spec.SourceList() {
		all = append(all, s.RepoURL)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// keepThose keeps what a question says yes to, asked for several at once, in order.
func keepThose[T any](ctx context.Context, all []T, ask func(context.Context, T) (bool, error)) ([]T, error) {
	yes := make([]bool, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range all {
		group.Go(func() (err error) {
			yes[i], err = ask(ctx, all[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var kept []T
	for i, one := range all {
		if yes[i] {
			kept = append(kept, one)
		}
	}
	return kept, nil
}
