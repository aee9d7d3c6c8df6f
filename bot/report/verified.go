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

// maxUntold is how many remarks on what could not be told stand in one place.
const maxUntold = 5

// untold says what could not be asked about of applications that are shown together, and why.
func untold(group []change.Application) string {
	var lines []string
	for _, a := range group {
		for _, note := range a.Verification.Notes {
			line := Prose(clip(note, 300))
			if len(group) > 1 {
				line = Code(a.Name) + ": " + line
			}
			lines = append(lines, "- "+line+"\n")
		}
	}
	if len(lines) == 0 {
		return ""
	}
	more := ""
	if rest := len(lines) - maxUntold; rest > 0 {
		more = fmt.Sprintf("- and %d more\n", rest)
	}
	return "What cannot be told yet:\n\n" + strings.Join(lines[:min(len(lines), maxUntold)], "") + more + "\n"
}
