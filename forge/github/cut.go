package github

import (
	"strings"
	"unicode/utf8"
)

// shortened ends what has been cut.
const shortened = "\n\n_Shortened to what GitHub takes._\n"

// Cut shortens Markdown to limit bytes, at the end of a line, and closes the fence and the foldings that are open there.
func Cut(markdown string, limit int) string {
	if len(markdown) <= limit {
		return markdown
	}
	var open openings
	end, closing := 0, ""
	for rest := markdown; rest != ""; {
		line := rest
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		after := open.with(line)
		if c := after.closing(); end+len(line)+len(c)+len(shortened) > limit {
			break
		} else {
			end, closing, open = end+len(line), c, after
		}
	}
	if end == 0 {
		return hard(markdown, limit)
	}
	return markdown[:end] + closing + shortened
}

// hard cuts within a line, where even the first line is too long.
func hard(s string, limit int) string {
	end := max(limit-len(shortened), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	if end == 0 {
		return ""
	}
	return s[:end] + shortened
}

// openings is what is open after some lines of Markdown.
type openings struct {
	fence   string // the fence's marks, "" outside
	details int
}

func (o openings) with(line string) openings {
	trimmed := strings.TrimSpace(line)
	mark := fenceMark(trimmed)
	switch {
	case o.fence != "":
		if strings.HasPrefix(mark, o.fence) && mark == trimmed {
			o.fence = ""
		}
	case mark != "":
		o.fence = mark
	default:
		o.details = max(o.details+strings.Count(line, "<details")-strings.Count(line, "</details>"), 0)
	}
	return o
}

func (o openings) closing() string {
	var b strings.Builder
	if o.fence != "" {
		b.WriteString("\n" + o.fence + "\n")
	}
	for range o.details {
		b.WriteString("\n</details>\n")
	}
	return b.String()
}

// fenceMark is the run of three or more backticks or tildes that line begins with.
func fenceMark(line string) string {
	for _, mark := range []string{"`", "~"} {
		run := line[:len(line)-len(strings.TrimLeft(line, mark))]
		if len(run) >= 3 {
			return run
		}
	}
	return ""
}
