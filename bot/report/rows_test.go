package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/report"
)

func TestRowsOfADiff(t *testing.T) {
	got := report.Rows("@@ -3,3 +3,4 @@\n kept\n-image: web:1.4.0\n-gone\n+image: web:1.6.0\n+here\n+two\n end\n")
	want := []report.Row{
		{Op: '@', Old: "@@ -3,3 +3,4 @@"},
		{Op: ' ', Before: 3, After: 3, Old: "kept", New: "kept"},
		{Op: '-', Before: 4, Old: "image: web:1.4.0", OldMark: [2]int{13, 14}},
		{Op: '-', Before: 5, Old: "gone"},
		{Op: '+', After: 4, New: "image: web:1.6.0", NewMark: [2]int{13, 14}},
		{Op: '+', After: 5, New: "here"},
		{Op: '+', After: 6, New: "two"},
		{Op: ' ', Before: 6, After: 7, Old: "end", New: "end"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	beside := report.Beside(got)
	if diff := cmp.Diff([]report.Row{
		want[0], want[1],
		{Op: '~', Before: 4, After: 4, Old: "image: web:1.4.0", New: "image: web:1.6.0", OldMark: [2]int{13, 14}, NewMark: [2]int{13, 14}},
		{Op: '~', Before: 5, After: 5, Old: "gone", New: "here"},
		{Op: '~', After: 6, New: "two"},
		want[7],
	}, beside); diff != "" {
		t.Error(diff)
	}
}

// FuzzRows holds that no line of a diff is lost or made, and that marks lie within their lines.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{"", "@@ -1 +1 @@\n-a\n+b\n", "@@\n", "@@ -x,y +z @@\n", "-é\n+è\n", "-\xff\n+\xfe\n", "+a\n-b\n+c", "\n\n", "no diff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows := report.Rows(text)
		if want := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; text != "" && len(rows) != want {
			t.Errorf("%d rows of %d lines", len(rows), want)
		}
		check(t, rows)
		beside := report.Beside(rows)
		check(t, beside)
		if removed, added := lines(rows); true {
			if r, a := lines(beside); r != removed || a != added {
				t.Errorf("side by side there are %d and %d lines, else %d and %d", r, a, removed, added)
			}
		}
	})
}

func check(t *testing.T, rows []report.Row) {
	t.Helper()
	for _, r := range rows {
		for _, m := range []struct {
			text string
			mark [2]int
		}{{r.Old, r.OldMark}, {r.New, r.NewMark}} {
			if m.mark[0] < 0 || m.mark[0] > m.mark[1] || m.mark[1] > len(m.text) {
				t.Errorf("the mark %v is not in %q", m.mark, m.text)
			} else if !strings.HasPrefix(m.text, m.text[:m.mark[0]]) || strings.ToValidUTF8(m.text[m.mark[0]:m.mark[1]], "?") != m.text[m.mark[0]:m.mark[1]] {
				t.Errorf("the mark %v cuts a letter of %q", m.mark, m.text)
			}
		}
	}
}

// lines counts the texts of each side that are not of both.
func lines(rows []report.Row) (removed, added int) {
	for _, r := range rows {
		switch r.Op {
		case '-':
			removed += len(r.Old)
		case '+':
			added += len(r.New)
		case '~':
			removed, added = removed+len(r.Old), added+len(r.New)
		}
	}
	return removed, added
}
