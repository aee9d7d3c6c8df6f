package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
)

// verified says whether the world was asked about an application, or is to be.
func verified(a change.Application) bool { return a.Verification.Pending || a.Verification.Asked() }

// tried is what the destination says to a dry run, for a cell: "✅ 4", "❌ 1 of 4".
func tried(v change.Verification) string {
	if v.Pending {
		return "…"
	}
	all := v.Accepted + v.Denied + v.Later + v.Unknown
	var parts []string
	if v.Denied > 0 {
		parts = append(parts, fmt.Sprintf("❌ %d of %d", v.Denied, all))
	} else if v.Accepted > 0 {
		parts = append(parts, fmt.Sprintf("✅ %d", v.Accepted))
	}
	if v.Later > 0 {
		parts = append(parts, fmt.Sprintf("⏳ %d later", v.Later))
	}
	if v.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("❔ %d", v.Unknown))
	}
	return cmp.Or(strings.Join(parts, ", "), "–")
}

// maxUntold is how many remarks on what could not be told stand with an application.
const maxUntold = 5

// untold says what could not be asked about, and why.
func untold(v change.Verification) string {
	if len(v.Notes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("What cannot be told yet:\n\n")
	for _, note := range v.Notes[:min(len(v.Notes), maxUntold)] {
		b.WriteString("- " + Code(clip(note, 300)) + "\n")
	}
	if rest := len(v.Notes) - maxUntold; rest > 0 {
		fmt.Fprintf(&b, "- and %d more\n", rest)
	}
	return b.String() + "\n"
}
