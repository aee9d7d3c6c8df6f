package report

import (
	"fmt"
	"html"
	"strings"
	"unicode"
)

// What a pull request supplies (names, messages, diffs) is shown only inside code, where forges neither link mentions and issues
// nor interpret Markdown or HTML. The functions here make sure that it stays inside.

// Code is an inline code span, in which a forge reads no Markdown, HTML, mention or reference. Line breaks become spaces, and marks
// that do not show are written out.
func Code(s string) string {
	s = strings.Join(strings.Fields(visible(s)), " ")
	if s == "" {
		return "` `"
	}
	ticks := strings.Repeat("`", longest(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// cell is an inline code span for a table, in which a bar would end the cell even inside code.
func cell(s string) string { return strings.ReplaceAll(Code(s), "|", `\|`) }

// htmlCode is for places where Markdown is not read, such as a summary element.
func htmlCode(s string) string {
	return "<code>" + html.EscapeString(strings.Join(strings.Fields(visible(s)), " ")) + "</code>"
}

// fence wraps text in a fenced block that nothing inside can close.
func fence(language, text string) string {
	bar := strings.Repeat("`", max(3, longest(text, '`')+1))
	return bar + language + "\n" + strings.TrimSuffix(visible(text), "\n") + "\n" + bar + "\n"
}

// longest is the length of the longest run of r in s.
func longest(s string, r rune) int {
	most, run := 0, 0
	for _, c := range s {
		if c == r {
			run++
			most = max(most, run)
		} else {
			run = 0
		}
	}
	return most
}

// visible shows what could mislead a reader: control characters, and marks that change the direction of text or have no width,
// are written out.
func visible(s string) string {
	return replaceFunc(s, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar)
	})
}

func replaceFunc(s string, hide func(rune) bool) string {
	if strings.IndexFunc(s, hide) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hide(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
