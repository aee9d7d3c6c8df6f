package report

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Preview is what is said of a pull request's own environment.
type Preview struct {
	// Phase is "Queued", "Waiting", "Deploying", "Ready", "Failed", "Ending", "Gone" or "Refused".
	Phase, Reason string
	// Waits says what Head waits for while SHA runs, what holds the end up, or what stayed behind.
	Waits string
	// SHA is the commit that it runs; Head the pull request's newest.
	SHA, Head string
	URLs      []string
	Place     int       // in the queue, from 1
	Expires   time.Time // zero for never
	// Command is how a command begins.
	Command string
}

var previewIcons = map[string]string{"Queued": "⏳", "Waiting": "⏳", "Deploying": "🔄", "Ready": "💚", "Failed": "💔", "Ending": "🧹", "Gone": "🧹", "Refused": "➖"}

// String is the section of the comment: a paragraph, in Markdown.
func (p Preview) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**Preview** %s %s", previewIcons[p.Phase], p.state())
	for i, u := range p.URLs[:min(len(p.URLs), 5)] {
		b.WriteString([]string{", at ", ", "}[min(i, 1)] + Link(u))
	}
	if p.SHA != "" {
		b.WriteString(" · " + short(p.SHA))
		if p.Head != "" && p.Head != p.SHA {
			b.WriteString(", not the newest " + short(p.Head))
		}
	}
	if !p.Expires.IsZero() && p.Phase != "Ending" && p.Phase != "Gone" && p.Phase != "Refused" {
		fmt.Fprintf(&b, " · until %s (%s for longer)", p.Expires.UTC().Format("2006-01-02 15:04 MST"), Code(p.Command+"preview extend 24h"))
	}
	for _, why := range []string{p.Reason, p.Waits} {
		if why != "" {
			b.WriteString("<br>" + Prose(clip(why, 500)))
		}
	}
	return b.String() + "\n"
}

func (p Preview) state() string {
	switch p.Phase {
	case "Queued":
		return fmt.Sprintf("queued, number %d in the line", p.Place)
	case "Waiting":
		return "waiting"
	case "Deploying":
		return "coming up"
	case "Ready":
		return "**ready**"
	case "Failed":
		return "**not well**"
	case "Refused":
		return "none"
	case "Ending":
		return "being taken down"
	}
	if p.Waits != "" {
		return "gone"
	}
	return "gone: nothing of it is left"
}

var (
	plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`)
	plainPath = regexp.MustCompile(`^[A-Za-z0-9/._~%-]*$`)
)

// Link is a link to an address of the web, if it is one and holds nothing that Markdown could read; else the text as code.
func Link(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || !plainHost.MatchString(u.Host) ||
		!plainPath.MatchString(u.EscapedPath()) || u.RawQuery != "" || u.Fragment != "" {
		return Code(clip(address, 200))
	}
	plain := u.Scheme + "://" + u.Host + u.EscapedPath()
	return "[" + Code(u.Host+strings.TrimSuffix(u.EscapedPath(), "/")) + "](" + plain + ")"
}

// The marks between which the section stands, after the first paragraph of the comment. What a pull request supplies comes later.
const (
	previewBegin = "<!-- slipway:environment -->\n"
	previewEnd   = "<!-- /slipway:environment -->\n\n"
)

// WithPreview puts the section into a comment in the place of the one that is there. An empty section takes it out.
func WithPreview(body, section string) string {
	head, rest, found := strings.Cut(body, "\n\n")
	if !found {
		head, rest = strings.TrimSuffix(body, "\n"), ""
	}
	if old, ok := strings.CutPrefix(rest, previewBegin); ok {
		if _, after, closed := strings.Cut(old, previewEnd); closed {
			rest = after
		}
	}
	if section != "" {
		rest = previewBegin + section + previewEnd + rest
	}
	return head + "\n\n" + rest
}

// PreviewRoom is the number of characters that a section takes at most, marks included.
const PreviewRoom = 3600
