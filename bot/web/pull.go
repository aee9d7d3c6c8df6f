package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/slipway-cd/slipway/bot"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// pullHead is what all pages of a pull request begin with.
type pullHead struct {
	pullRow
	Forge   string // its address there
	Tab     string
	Base    string
	Head    string
	HeadRef string
	Fork    bool
	Vouched string
	Trouble string
	Mark    string
}

func headOf(p *slipway.PullRequest, tab string) pullHead {
	st := p.Status
	h := pullHead{pullRow: rowOf(p), Forge: bot.PullURL(p), Tab: tab, Base: st.BaseRef, Head: st.HeadSHA, HeadRef: st.HeadRef, Fork: st.Fork,
		Trouble: st.LastError, Mark: mark(p)}
	if by, ok := strings.CutPrefix(st.TrustedBy, "ok-to-test by "); ok {
		h.Vouched = by
	}
	return h
}

// statePage is the line that keeps itself up to date.
type statePage struct {
	pullHead
	// Old is whether the page that asks shows another report than the newest.
	Old bool
}

// reportPage is the report of a pull request.
type reportPage struct {
	statePage
	Sheet    *report.Sheet
	Absent   string // why there is no report to show
	Making   bool
	Choice   choice
	Kinds    []string
	Entries  []shownEntry
	Hidden   int // applications that were not chosen
	Live     bool
	Followed []slipway.FollowedApplication
	Lines    int
}

// shownEntry is an application of a report with the diffs that come with the page.
type shownEntry struct {
	report.Entry
	Page    string // the application's own page, or ""
	Open    bool
	Painted strip
	Drifted strip
}

// showReport shows the newest report whole: what does not fit into the page is loaded when it is looked at.
func (w *Web) showReport(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	p, may, err := w.pull(ctx, s, c.Param("name"))
	if err != nil {
		return err
	}
	page := reportPage{statePage: statePage{pullHead: headOf(p, "report")}, Choice: chosen(c), Live: may >= live, Followed: p.Status.Applications}
	if isPart(c) {
		page.Old = c.QueryParam("at") != page.Mark
		return w.renderPart(c, "report", "state", frame{Data: page.statePage})
	}
	f := frame{Title: fmt.Sprintf("%s #%d", page.Repository, page.Number), Here: "pulls"}
	k, err := w.sheet(ctx, p)
	switch {
	case errors.Is(err, errMaking):
		page.Making, f.Wait = true, 3
	case errors.Is(err, bot.ErrNoReport), errors.Is(err, bot.ErrUntrusted), errors.Is(err, bot.ErrGone):
		page.Absent = absent(err)
	case err != nil:
		return err
	default:
		page.Sheet, page.Kinds = k.sheet, k.sheet.Kinds()
		w.fillEntries(ctx, s, p, &page)
	}
	f.Data = page
	return w.render(c, http.StatusOK, "report", f)
}

func absent(err error) string {
	switch {
	case errors.Is(err, bot.ErrUntrusted):
		return "The author may not write to this repository, so nothing of the change was rendered. Someone who may can read it and comment /ok-to-test on the pull request."
	case errors.Is(err, bot.ErrGone):
		return "The commits of this report are no longer in the repository, so it cannot be made again. The comment on the pull request still has it in short."
	}
	return "There is no report yet. This page shows it as soon as it is there."
}

// fillEntries chooses the applications to show, and paints as much of them as fits.
func (w *Web) fillEntries(ctx context.Context, s session, p *slipway.PullRequest, page *reportPage) {
	room := inPage
	for _, e := range page.Sheet.Applications {
		if !page.Choice.takes(e) {
			page.Hidden++
			continue
		}
		if e.Like != "" && !slices.ContainsFunc(page.Entries, func(s shownEntry) bool { return s.Name == e.Like }) {
			e.Like = "" // that one was not chosen
		}
		shown := shownEntry{Entry: e, Open: room > 0 && e.Like == ""}
		if page.Live && e.Health+e.Sync != "" {
			shown.Page = appAddress(e.Namespace, e.Name)
		}
		k := cutting{sheets: w.sheets, pull: p.Name, mark: page.Mark, entry: e, choice: page.Choice, room: room}
		shown.Painted = k.first(shown.Open)
		room -= size(shown.Painted)
		k.drift = true
		shown.Drifted = k.first(false)
		page.Lines += e.LinesAdded + e.LinesRemoved
		page.Entries = append(page.Entries, shown)
	}
}

// first is the part with which a cutting begins: painted, or only its address.
func (k cutting) first(painted bool) strip {
	all := k.pieces()
	if len(all) == 0 {
		return strip{}
	}
	if painted {
		return k.cut(place{})
	}
	return strip{More: k.address(place{}), Rest: count(len(all), "object")}
}

func size(s strip) int {
	n := 0
	for _, p := range s.Pieces {
		n += len(p.Body) + 400
	}
	return n
}

func appAddress(namespace, name string) string {
	return "/app/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
}

// diffPage is a part of an application's diffs, on a page of its own for whoever runs no scripts.
type diffPage struct {
	pullHead
	Application string
	Drift       bool
	Strip       strip
}

// showDiff sends a part of an application's diffs.
func (w *Web) showDiff(c echo.Context) error {
	ctx := c.Request().Context()
	p, _, err := w.pull(ctx, me(c), c.Param("name"))
	if err != nil {
		return err
	}
	if c.QueryParam("at") != mark(p) {
		return echo.NewHTTPError(http.StatusConflict, "There is a newer report. Open the page again.")
	}
	kept, err := w.sheet(ctx, p)
	switch {
	case errors.Is(err, errMaking):
		c.Response().Header().Set("Retry-After", "3")
		return echo.NewHTTPError(http.StatusServiceUnavailable, "The report is being made again. Try again in a moment.")
	case errors.Is(err, bot.ErrNoReport), errors.Is(err, bot.ErrUntrusted), errors.Is(err, bot.ErrGone):
		return ErrNotThere
	case err != nil:
		return err
	}
	from, ok := parsePlace(c.QueryParam("from"))
	i := slices.IndexFunc(kept.sheet.Applications, func(e report.Entry) bool { return e.Namespace+"/"+e.Name == c.QueryParam("for") })
	if !ok || i < 0 {
		return ErrNotThere
	}
	k := cutting{sheets: w.sheets, pull: p.Name, mark: mark(p), entry: kept.sheet.Applications[i], drift: c.QueryParam("side") == "drift", choice: chosen(c), room: inPart}
	page := diffPage{pullHead: headOf(p, "report"), Application: k.entry.Name, Drift: k.drift, Strip: k.cut(from)}
	f := frame{Title: k.entry.Name, Here: "pulls", Data: page}
	if isPart(c) {
		return w.renderPart(c, "diff", "strip-part", frame{Data: page.Strip})
	}
	return w.render(c, http.StatusOK, "diff", f)
}
