package compare

import (
	"fmt"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

const (
	contextLines = 3
	// The exact algorithm's work grows with the square of what differs. Past this many differing lines the old text is
	// shown as removed and the new as added.
	exactLines = 10000
)

type line struct {
	op   byte // ' ', '-' or '+'
	text string
}

// unified is the unified diff of two texts without file names, and its counts of added and removed lines. It depends on the
// texts alone, not on how long the machine takes.
func unified(before, after string) (text string, added, removed int) {
	lines := diffLines(before, after)
	var b strings.Builder
	for _, h := range hunks(lines) {
		h.write(&b, lines)
	}
	for _, l := range lines {
		switch l.op {
		case '+':
			added++
		case '-':
			removed++
		}
	}
	return b.String(), added, removed
}

func diffLines(before, after string) []line {
	head, before, after := commonHead(before, after)
	tail, before, after := commonTail(before, after)
	lines := appendLines(nil, ' ', head)
	if strings.Count(before, "\n")+strings.Count(after, "\n") > exactLines {
		lines = appendLines(lines, '-', before)
		lines = appendLines(lines, '+', after)
		return appendLines(lines, ' ', tail)
	}
	differ := diffmatchpatch.New()
	differ.DiffTimeout = 0
	a, b, dictionary := differ.DiffLinesToRunes(before, after)
	for _, d := range differ.DiffCharsToLines(differ.DiffMainRunes(a, b, false), dictionary) {
		lines = appendLines(lines, map[diffmatchpatch.Operation]byte{
			diffmatchpatch.DiffEqual: ' ', diffmatchpatch.DiffDelete: '-', diffmatchpatch.DiffInsert: '+'}[d.Type], d.Text)
	}
	return appendLines(lines, ' ', tail)
}

// commonHead cuts off the whole lines with which both texts begin.
func commonHead(a, b string) (head, restA, restB string) {
	n, end := min(len(a), len(b)), 0
	for i := 0; i < n && a[i] == b[i]; i++ {
		if a[i] == '\n' {
			end = i + 1
		}
	}
	return a[:end], a[end:], b[end:]
}

// commonTail cuts off the whole lines with which both texts end.
func commonTail(a, b string) (tail, restA, restB string) {
	n, end := min(len(a), len(b)), 0
	for i := 1; i <= n && a[len(a)-i] == b[len(b)-i]; i++ {
		atLineA := i == len(a) || a[len(a)-i-1] == '\n'
		atLineB := i == len(b) || b[len(b)-i-1] == '\n'
		if atLineA && atLineB {
			end = i
		}
	}
	return a[len(a)-end:], a[:len(a)-end], b[:len(b)-end]
}

func appendLines(to []line, op byte, text string) []line {
	for l := range strings.Lines(text) {
		to = append(to, line{op, strings.TrimSuffix(l, "\n")})
	}
	return to
}

// hunk is a run of lines to show, by index, and the numbers of the lines before it on either side.
type hunk struct{ from, to, before, after int }

func hunks(lines []line) []hunk {
	var out []hunk
	before, after := 0, 0
	starts := make([]hunk, len(lines))
	for i, l := range lines {
		starts[i] = hunk{before: before, after: after}
		if l.op != '+' {
			before++
		}
		if l.op != '-' {
			after++
		}
	}
	for i, l := range lines {
		if l.op == ' ' {
			continue
		}
		from, to := max(0, i-contextLines), min(len(lines), i+1+contextLines)
		if n := len(out); n > 0 && from <= out[n-1].to {
			out[n-1].to = to
			continue
		}
		h := starts[from]
		h.from, h.to = from, to
		out = append(out, h)
	}
	return out
}

func (h hunk) write(b *strings.Builder, lines []line) {
	olds, news := 0, 0
	for _, l := range lines[h.from:h.to] {
		if l.op != '+' {
			olds++
		}
		if l.op != '-' {
			news++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(h.before, olds), span(h.after, news))
	for _, l := range lines[h.from:h.to] {
		b.WriteByte(l.op)
		b.WriteString(l.text + "\n")
	}
}

// span writes a range of lines as diff does: a count of one is left out, and an empty range names the line before it.
func span(before, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}
