package report

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Row is one line of a diff, or a pair of lines side by side.
type Row struct {
	// Op is ' ' for a line of both, '-' for one of before, '+' for one of after, '~' for a pair side by side of which either may be missing
	// (its number is 0), and '@' for the head of a hunk, whose text is in Old.
	Op byte
	// Before and After are the numbers of the lines, from 1; 0 where the side has none.
	Before, After int
	// Old and New are the lines without their sign. Of a ' ' both are set.
	Old, New string
	// OldMark and NewMark are the parts of a line that differ from its counterpart, as byte offsets; equal where there is none.
	OldMark, NewMark [2]int
}

// Rows reads a unified diff line by line. Lines that replace each other know in what they differ.
func Rows(text string) []Row {
	rows := make([]Row, 0, strings.Count(text, "\n")+1)
	before, after, removed, added := 0, 0, 0, 0 // the last two are how many rows of a replacement have been seen
	flush := func() {
		if removed > 0 && added > 0 {
			mark(rows[len(rows)-removed-added:], removed)
		}
		removed, added = 0, 0
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			line = " "
		}
		rest := visible(line[1:])
		switch line[0] {
		case '@':
			flush()
			before, after = starts(line)
			rows = append(rows, Row{Op: '@', Old: visible(line)})
			continue
		case '-':
			if added > 0 {
				flush()
			}
			rows = append(rows, Row{Op: '-', Before: before, Old: rest})
			before, removed = before+1, removed+1
			continue
		case '+':
			rows = append(rows, Row{Op: '+', After: after, New: rest})
			after, added = after+1, added+1
			continue
		}
		flush()
		if line[0] != ' ' { // no diff of ours: shown as it is
			rest = visible(line)
		}
		rows = append(rows, Row{Op: ' ', Before: before, After: after, Old: rest, New: rest})
		before, after = before+1, after+1
	}
	flush()
	return rows
}

// starts reads the first lines' numbers of "@@ -3,7 +3,8 @@".
func starts(head string) (before, after int) {
	fields := strings.Fields(head)
	if len(fields) < 3 {
		return 0, 0
	}
	number := func(s string) int {
		s, _, _ = strings.Cut(strings.TrimLeft(s, "-+"), ",")
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	return number(fields[1]), number(fields[2])
}

// mark notes in what the lines of a replacement differ: the first that goes from the first that comes, and so on.
func mark(rows []Row, removed int) {
	for i := 0; i < removed && removed+i < len(rows); i++ {
		old, made := &rows[i], &rows[removed+i]
		head := commonPrefix(old.Old, made.New)
		tail := commonSuffix(old.Old[head:], made.New[head:])
		indent := min(head, len(old.Old)-len(strings.TrimLeft(old.Old, " ")))
		if 3*(head+tail-indent) < min(len(old.Old), len(made.New))-indent || head+tail == 0 {
			continue // another line altogether
		}
		old.OldMark, made.NewMark = [2]int{head, len(old.Old) - tail}, [2]int{head, len(made.New) - tail}
	}
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}

func commonSuffix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	for n > 0 && (!utf8.RuneStart(a[len(a)-n]) || !utf8.RuneStart(b[len(b)-n])) {
		n--
	}
	return n
}

// Beside puts rows side by side: a replacement's lines face each other.
func Beside(rows []Row) []Row {
	out := make([]Row, 0, len(rows))
	for i := 0; i < len(rows); {
		if rows[i].Op == ' ' || rows[i].Op == '@' {
			out = append(out, rows[i])
			i++
			continue
		}
		from := i
		for i < len(rows) && rows[i].Op == '-' {
			i++
		}
		middle := i
		for i < len(rows) && rows[i].Op == '+' {
			i++
		}
		gone, made := rows[from:middle], rows[middle:i]
		for k := range max(len(gone), len(made)) {
			pair := Row{Op: '~'}
			if k < len(gone) {
				pair.Before, pair.Old, pair.OldMark = gone[k].Before, gone[k].Old, gone[k].OldMark
			}
			if k < len(made) {
				pair.After, pair.New, pair.NewMark = made[k].After, made[k].New, made[k].NewMark
			}
			out = append(out, pair)
		}
	}
	return out
}
