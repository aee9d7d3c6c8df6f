package bot

import (
	"strings"
	"unicode"
)

// quote puts text that others had a part in into a code span, where a forge reads no Markdown, HTML, mention or reference.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if hiddenMark(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	longest, run := 0, 0
	for _, r := range s {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	ticks := strings.Repeat("`", longest+1)
	if longest > 0 {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// escape leaves plain words as they are, and quotes text that could be read as more than that: markup, a mention, a reference of a forge's
// own ("#1", "!1", "$1", "%1", "GH-1"), a link, or marks that do not show.
func escape(s string) string {
	lower := strings.ToLower(s)
	if strings.ContainsAny(s, "@<>[]*_#&\\`~!\n|$%^") || strings.ContainsFunc(s, hiddenMark) || strings.Contains(lower, "gh-") ||
		strings.Contains(lower, "://") || strings.Contains(lower, "www.") || strings.Contains(lower, "mailto:") {
		return quote(s)
	}
	return s
}

func hiddenMark(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
