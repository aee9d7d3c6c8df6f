package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

type locksPage struct{ Locks []lockRow }

type lockRow struct {
	What, Page string // the application or environment, and its page
	Owner      ownerRow
	User       string
	Reason     string
	Revision   string
	Since      time.Time
	Until      time.Time
	Queue      []requestRow
	visible    bool
}

type ownerRow struct {
	Title   string
	Address string // our page of the pull request
	Forge   string // its page on the forge
}

type requestRow struct {
	Owner  ownerRow
	User   string
	Reason string
	Since  time.Time
}

// showLocks shows the locks on what one may look into, and those that pull requests hold which one may read.
func (w *Web) showLocks(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	list := &slipway.LockList{}
	if err := w.Client.List(ctx, list, client.InNamespace(w.Namespace)); err != nil {
		return fmt.Errorf("listing locks: %w", err)
	}
	var page locksPage
	for i := range list.Items {
		if list.Items[i].Expired(w.Now()) {
			continue
		}
		row, err := w.lockRow(ctx, s, &list.Items[i])
		if err != nil {
			return err
		}
		if row.visible {
			page.Locks = append(page.Locks, row)
		}
	}
	slices.SortFunc(page.Locks, func(a, b lockRow) int { return cmp.Or(cmp.Compare(a.What, b.What), a.Since.Compare(b.Since)) })
	return w.render(c, http.StatusOK, "locks", frame{Title: "Locks", Here: "locks", Data: page})
}

// lockRow is a lock as somebody may see it: of a pull request that is not for their eyes they learn that there is one.
func (w *Web) lockRow(ctx context.Context, s session, l *slipway.Lock) (lockRow, error) {
	row := lockRow{Revision: l.Spec.Revision, Since: l.Spec.AcquiredAt.Time}
	owner, mine, err := w.owner(ctx, s, l.Spec.Owner)
	if err != nil {
		return row, err
	}
	row.Owner, row.visible = owner, mine
	if mine {
		row.User, row.Reason = l.Spec.User, l.Spec.Reason
	}
	if l.Spec.ExpiresAt != nil {
		row.Until = l.Spec.ExpiresAt.Time
	}
	if row.What = l.Spec.Environment; l.Spec.Application != nil {
		row.What = l.Spec.Application.Name
		sees, err := w.seesNamed(ctx, s, l.Spec.Application)
		if err != nil {
			return row, err
		}
		if sees {
			row.Page, row.visible = appAddress(l.Spec.Application.Namespace, l.Spec.Application.Name), true
		}
	}
	for _, q := range l.Spec.Queue {
		r := requestRow{Since: q.AskedAt.Time}
		var mine bool
		if r.Owner, mine, err = w.owner(ctx, s, q.Owner); err != nil {
			return row, err
		}
		if mine {
			r.User, r.Reason = q.User, q.Reason
		}
		row.Queue = append(row.Queue, r)
	}
	return row, nil
}

func (w *Web) seesNamed(ctx context.Context, s session, ref *slipway.ApplicationRef) (bool, error) {
	app := &argo.Application{}
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, app)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading an application: %w", err)
	}
	return w.sees(ctx, s, app)
}

// owner is the pull request that holds or wants a lock, by its resource: mine says whether it is for these eyes.
func (w *Web) owner(ctx context.Context, s session, o slipway.LockOwner) (row ownerRow, mine bool, err error) {
	stranger := ownerRow{Title: "a pull request of another repository"}
	p, _, err := w.pull(ctx, s, slipway.PullRequestName(o.Host, o.RepositoryID, o.Number))
	if errors.Is(err, ErrNotThere) {
		return stranger, false, nil
	}
	if err != nil {
		return stranger, false, err
	}
	return ownerRow{Title: fmt.Sprintf("%s #%d", p.Spec.Repository.FullName(), p.Spec.Number), Address: "/pull/" + p.Name, Forge: headOf(p, "").Forge}, true, nil
}
