package bot

import (
	"strings"
	"unicode"

	"github.com/slipway-cd/slipway/bot/report"
)

// quote puts text that others had a part in into a code span. Nothing stays nothing.
func quote(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return report.Code(s)
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
