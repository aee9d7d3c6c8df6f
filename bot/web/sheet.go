package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// sheets keeps the last reports that were looked at, so that the parts of a page need not be made anew.
type sheets struct {
	mu   sync.Mutex
	kept map[string]kept
	// long is the last diff that was too long for one part, with its rows: the next part is of the same.
	long string
	rows []report.Row
}

// longText is how many bytes a diff has whose rows are kept.
const longText = 256 << 10

// rowsOf reads a diff; key names it.
func (s *sheets) rowsOf(key, text string, wide bool) []report.Row {
	key = fmt.Sprint(key, " ", wide)
	if len(text) >= longText {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.long == key {
			return s.rows
		}
	}
	rows := report.Rows(text)
	if wide {
		rows = report.Beside(rows)
	}
	if len(text) >= longText {
		s.long, s.rows = key, rows
	}
	return rows
}

type kept struct {
	at     time.Time
	sheet  *report.Sheet
	policy policy.Policy
	fault  string
}

// keptSheets is how many; they are of some megabytes at most, most of which the bot holds as well.
const keptSheets = 16

func newSheets() *sheets { return &sheets{kept: map[string]kept{}} }

func (s *sheets) recall(key string, now time.Time) (kept, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[key]
	return k, ok && now.Sub(k.at) < 10*time.Minute
}

func (s *sheets) keep(key string, k kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.kept) >= keptSheets {
		oldest := ""
		for other := range s.kept {
			if oldest == "" || s.kept[other].at.Before(s.kept[oldest].at) {
				oldest = other
			}
		}
		delete(s.kept, oldest)
	}
	s.kept[key] = k
}

// mark names a report of a pull request in addresses: parts of a page are of the report that the page shows, or refused.
func mark(p *slipway.PullRequest) string {
	r := p.Status.Report
	if r == nil {
		return ""
	}
	return short(r.Base) + "-" + short(r.Head)
}

// errMaking says that the report is being made again, and is not done yet.
var errMaking = errors.New("the report is being made again")

// patience is how long a page waits for a report before it says that it is being made.
const patience = 10 * time.Second

// sheet is the newest report of a pull request.
func (w *Web) sheet(ctx context.Context, p *slipway.PullRequest) (kept, error) {
	key := p.Name + " " + mark(p) + " " + p.Status.State
	if k, ok := w.sheets.recall(key, w.Now()); ok {
		return k, nil
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen, err := w.Reports.See(waiting, p)
	if errors.Is(err, context.DeadlineExceeded) && waiting.Err() != nil && ctx.Err() == nil {
		return kept{}, errMaking
	}
	if err != nil {
		return kept{}, err
	}
	whole := report.Whole(seen.Report)
	k := kept{at: w.Now(), sheet: &whole, policy: seen.Policy}
	if f := seen.Report.Policy; f != nil {
		k.fault = f.Error()
	}
	w.sheets.keep(key, k)
	return k, nil
}

// choice is what of a report somebody wants to see, and how.
type choice struct {
	App, Kind string
	Wide      bool
}

// chosen reads a choice from an address. How diffs are shown is remembered by the script in a cookie.
func chosen(c echo.Context) choice {
	x := choice{App: c.QueryParam("app"), Kind: c.QueryParam("kind")}
	view := c.QueryParam("view")
	if view == "" {
		if held, err := c.Cookie("slipway-view"); err == nil {
			view = held.Value
		}
	}
	x.Wide = view == "split"
	return x
}

// takes says whether an application is chosen: by its name, its environment or its cluster, in part.
func (x choice) takes(e report.Entry) bool {
	want := strings.ToLower(strings.TrimSpace(x.App))
	if want != "" && !slices.ContainsFunc([]string{e.Name, e.Namespace + "/" + e.Name, e.Environment, e.Cluster}, func(s string) bool { return strings.Contains(strings.ToLower(s), want) }) {
		return false
	}
	if x.Kind == "" {
		return true
	}
	is := func(p report.Piece) bool { return p.Kind == x.Kind }
	return slices.ContainsFunc(e.Differences, is) || slices.ContainsFunc(e.Drift, is)
}

// place is where in an application's differences a part begins: a piece, and a row of it.
type place struct{ piece, row int }

func (p place) String() string { return fmt.Sprintf("%d.%d", p.piece, p.row) }

func parsePlace(s string) (place, bool) {
	a, b, ok := strings.Cut(s, ".")
	piece, err1 := strconv.Atoi(a)
	row, err2 := strconv.Atoi(b)
	return place{piece, row}, ok && err1 == nil && err2 == nil && piece >= 0 && row >= 0
}

// Bounds of what is sent at once, in bytes of HTML: with a page, and with each part of it that is asked for later.
const (
	inPage = 96 << 10
	inPart = 384 << 10
)

// strip is a part of an application's diffs, ready to be shown.
type strip struct {
	Pieces []shownPiece
	// More is the address of the next part, or "".
	More string
	// Rest is how many objects, or lines of the last one, are still to come.
	Rest string
}

// shownPiece is the difference of an object, or a part of it.
type shownPiece struct {
	report.Piece
	ID string
	// Continued is whether it began in an earlier part.
	Continued bool
	Body      template.HTML
}

// cutting says what of an application's diffs to show.
type cutting struct {
	sheets     *sheets
	pull, mark string
	entry      report.Entry
	drift      bool
	choice     choice
	room       int
}

// address of the part of a cutting that begins at a place.
func (k cutting) address(from place) string {
	q := url.Values{"at": {k.mark}, "for": {k.entry.Namespace + "/" + k.entry.Name}, "from": {from.String()}}
	if k.drift {
		q.Set("side", "drift")
	}
	if k.choice.Kind != "" {
		q.Set("kind", k.choice.Kind)
	}
	view := "unified"
	if k.choice.Wide {
		view = "split"
	}
	q.Set("view", view)
	return "/pull/" + url.PathEscape(k.pull) + "/diff?" + q.Encode()
}

func (k cutting) pieces() []report.Piece {
	all := k.entry.Differences
	if k.drift {
		all = k.entry.Drift
	}
	if k.choice.Kind == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p report.Piece) bool { return p.Kind != k.choice.Kind })
}

// rowsAtOnce are written before it is looked whether there is still room.
const rowsAtOnce = 200

// cut paints the part that begins at a place, until the room is full. Something is always shown, so that the next part gets further.
func (k cutting) cut(from place) strip {
	var s strip
	all, room := k.pieces(), k.room
	side := "c"
	if k.drift {
		side = "d"
	}
	for i := from.piece; i < len(all); i++ {
		if room <= 0 {
			s.More, s.Rest = k.address(place{i, 0}), count(len(all)-i, "more object")
			return s
		}
		rows := k.sheets.rowsOf(fmt.Sprint(k.pull, k.mark, k.entry.Namespace, k.entry.Name, side, k.choice.Kind, i), all[i].Text, k.choice.Wide)
		shown := shownPiece{Piece: all[i], ID: fmt.Sprintf("%s-%s-%s-%d", k.entry.Namespace, k.entry.Name, side, i), Continued: i == from.piece && from.row > 0}
		next := 0
		if shown.Continued {
			next = min(from.row, len(rows))
		}
		p := painter{wide: k.choice.Wide}
		for next < len(rows) && (room > 0 || len(p.b) == 0) {
			size := len(p.b)
			to := min(next+rowsAtOnce, len(rows))
			p.rows(rows[next:to])
			next, room = to, room-(len(p.b)-size)
		}
		shown.Body = p.html()
		room -= 400 // what is around it
		s.Pieces = append(s.Pieces, shown)
		if next < len(rows) {
			s.More, s.Rest = k.address(place{i, next}), count(len(rows)-next, "more line")
			return s
		}
	}
	return s
}
