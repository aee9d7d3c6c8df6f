package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainly writes what people read on a terminal. Names of files, messages of servers and much else in it are others' words: what would move the
// cursor, colour, retitle or turn text around is written out instead.
type plainly struct{ io.Writer }

// Write implements io.Writer, with the length of p as it was given.
func (w plainly) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, plain(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func plain(s string) string {
	return writtenOut(s, func(r rune) bool { return r == '\n' || r == '\t' })
}

// plainLine is plain for what is to stay within a line.
func plainLine(s string) string { return writtenOut(s, func(rune) bool { return false }) }

func writtenOut(s string, stays func(rune) bool) string {
	misleads := func(r rune) bool {
		return !stays(r) && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r))
	}
	if strings.IndexFunc(s, misleads) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // a byte that is no character comes as U+FFFD
		if misleads(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
