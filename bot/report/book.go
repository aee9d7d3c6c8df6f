package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slipway-cd/slipway/engine/change"
)

// book fills a body up to a limit, in characters. What must be there comes first; a section that does not fit is put in without its
// diffs, and one that does not fit even then is counted.
type book struct {
	limit    int
	page     string // where everything stands, or ""
	used     int
	body     strings.Builder
	dropped  int  // sections left out
	shortend bool // sections put in without their diffs
	head     int  // where in the body the sections begin
}

// must writes what may not be missing. Its parts are bounded by whoever makes them; the limit holds all the same.
func (b *book) must(s string) {
	if n := utf8.RuneCountInString(s); b.used+n <= b.limit {
		b.body.WriteString(s)
		b.used += n
		return
	}
	b.dropped++
}

// reserve keeps room for what is written at the end.
func (b *book) reserve(s string) { b.used += utf8.RuneCountInString(s) + 120 + len(b.page) }

func (b *book) add(s section) {
	if n := utf8.RuneCountInString(s.full); b.used+n <= b.limit {
		b.body.WriteString(s.full)
		b.used += n
		return
	}
	if n := utf8.RuneCountInString(s.short); b.used+n <= b.limit {
		b.body.WriteString(s.short)
		b.used += n
		b.shortend = true
		return
	}
	b.dropped++
}

func (b *book) drift(apps []change.Application) {
	sections := drifted(apps)
	if len(sections) == 0 {
		return
	}
	b.must("#### Already drifted, whatever this pull request does\n\n")
	for _, s := range sections {
		b.add(s)
	}
}

func (b *book) misses(c change.Change) {
	b.add(section{full: reached(c)})
	b.must(missed(c))
}

// sections begins what may be shortened.
func (b *book) sections() { b.head = b.body.Len() }

// close ends the body with what was reserved for. A word on what did not fit stands before the sections, where a reader still looks for it.
func (b *book) close(end string) string {
	body := b.body.String()
	return body[:b.head] + b.note() + body[b.head:] + end
}

func (b *book) note() string {
	if b.dropped == 0 && !b.shortend {
		return ""
	}
	note := "Some diffs are too long for a comment and are only counted"
	if b.dropped > 0 {
		note += fmt.Sprintf("; %s left out", count(b.dropped, "section"))
	}
	where := "`slipway diff` prints them all"
	if b.page != "" {
		where = "[All of them](" + b.page + ")"
	}
	return "*" + note + ". " + where + ".*\n\n"
}
