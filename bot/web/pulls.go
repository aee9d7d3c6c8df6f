package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// pullRow is a pull request in the list.
type pullRow struct {
	Address      string
	Title        string
	Repository   string
	Number       int
	Author       string
	State, Check string
	Draft        bool
	Waits        bool // for somebody's word about its head
	Applications int
	Running      int // commands under way
	Asked        time.Time
}

type pullsPage struct {
	Open, Ended []pullRow
	Query       string
}

// listPulls shows the pull requests of the repositories that one may read: the open ones, and the last that were merged or closed.
func (w *Web) listPulls(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	list := &slipway.PullRequestList{}
	if err := w.Client.List(ctx, list, client.InNamespace(w.Namespace)); err != nil {
		return fmt.Errorf("listing pull requests: %w", err)
	}
	readable, err := w.readable(ctx, s, list.Items)
	if err != nil {
		return err
	}
	page := pullsPage{Query: c.QueryParam("q")}
	for i := range list.Items {
		p := &list.Items[i]
		if p.Status.State == "" || !readable[p.Spec.Repository.ID] || !w.here(s, p) {
			continue
		}
		row := rowOf(p)
		if !strings.Contains(strings.ToLower(fmt.Sprintf("%s #%d %s %s", row.Repository, row.Number, row.Title, row.Author)), strings.ToLower(page.Query)) {
			continue
		}
		if p.Status.State == slipway.StateOpen {
			page.Open = append(page.Open, row)
		} else {
			page.Ended = append(page.Ended, row)
		}
	}
	newest := func(a, b pullRow) int { return cmp.Or(b.Asked.Compare(a.Asked), b.Number-a.Number) }
	slices.SortFunc(page.Open, newest)
	slices.SortFunc(page.Ended, newest)
	page.Ended = page.Ended[:min(len(page.Ended), 20)]
	return w.render(c, http.StatusOK, "pulls", frame{Title: "Pull requests", Here: "pulls", Data: page})
}

// readable says of which repositories somebody may see the reports.
func (w *Web) readable(ctx context.Context, s session, pulls []slipway.PullRequest) (map[int64]bool, error) {
	seen := map[int64]bool{}
	var repos []forge.Repository
	for i := range pulls {
		if p := &pulls[i]; w.here(s, p) && !seen[p.Spec.Repository.ID] {
			seen[p.Spec.Repository.ID] = true
			repos = append(repos, bot.Repository(p))
		}
	}
	kept, err := keepThose(ctx, repos, func(ctx context.Context, r forge.Repository) (bool, error) {
		may, err := w.may(ctx, s, r)
		return may >= reports, err
	})
	out := map[int64]bool{}
	for _, r := range kept {
		out[r.ID] = true
	}
	return out, err
}

// here says whether a pull request is of the forge by which somebody signed in.
func (w *Web) here(s session, p *slipway.PullRequest) bool {
	site, ok := w.site(s.Site)
	return ok && string(site.Kind) == p.Spec.Forge && strings.EqualFold(site.Host, p.Spec.Host)
}

func rowOf(p *slipway.PullRequest) pullRow {
	st := p.Status
	row := pullRow{
		Address: "/pull/" + p.Name, Title: cmp.Or(st.Title, "#"+strconv.Itoa(p.Spec.Number)), Repository: p.Spec.Repository.FullName(), Number: p.Spec.Number,
		Author: st.Author, State: st.State, Check: st.CheckState, Draft: st.Draft, Asked: p.Spec.Asked.At.Time,
	}
	if st.Report != nil {
		row.Applications, row.Waits = len(st.Report.Applications), st.Report.Base == "" && st.State == slipway.StateOpen
	}
	for _, c := range st.Commands {
		if !c.Phase.Finished() {
			row.Running++
		}
	}
	return row
}
