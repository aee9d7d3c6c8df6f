package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/bot/report"
)

func TestPreviewInTheComment(t *testing.T) {
	body := "### headline\n\n| table |\n\n```diff\n+<!-- slipway:environment -->\n+x\n+<!-- /slipway:environment -->\n\n```\n"
	coming := report.Preview{Phase: "Deploying", SHA: strings.Repeat("a", 40)}.String()
	ready := report.Preview{Phase: "Ready", SHA: strings.Repeat("a", 40), Head: strings.Repeat("b", 40), URLs: []string{"https://pr-7.example.com/"},
		Expires: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Command: "/"}.String()
	with := report.WithPreview(body, coming)
	if !strings.HasPrefix(with, "### headline\n\n<!-- slipway:environment -->\n**Preview** 🔄 coming up") {
		t.Errorf("got\n%s", with)
	}
	again := report.WithPreview(with, ready)
	if strings.Count(again, "**Preview**") != 1 || !strings.Contains(again, "[`pr-7.example.com`](https://pr-7.example.com/)") || !strings.Contains(again, "not the newest bbbbbbbbbb") {
		t.Errorf("got\n%s", again)
	}
	if back := report.WithPreview(again, ""); back != body {
		t.Errorf("what stood there is changed:\n%s", back)
	}
	if small := report.WithPreview("### headline\n", coming); strings.Count(small, "**Preview**") != 1 {
		t.Errorf("got\n%s", small)
	}
}

func TestWhatAPreviewSays(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	until := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for want, p := range map[string]report.Preview{
		"**Preview** ⏳ queued, number 2 in the line<br>as many as the policy allows are there already\n":                             {Phase: "Queued", Place: 2, Reason: "as many as the policy allows are there already"},
		"**Preview** 💚 **ready** · aaaaaaaaaa, not the newest bbbbbbbbbb<br>the image `x:b` is waited for\n":                         {Phase: "Ready", SHA: a, Head: b, Waits: "the image x:b is waited for"},
		"**Preview** 💔 **not well** · aaaaaaaaaa · until 2026-03-01 12:00 UTC (`/preview extend 24h` for longer)<br>web: Degraded\n": {Phase: "Failed", SHA: a, Head: a, Reason: "web: Degraded", Expires: until, Command: "/"},
		"**Preview** 🧹 being taken down<br>its time was up<br>the namespace x is still there: y\n":                                   {Phase: "Ending", Reason: "its time was up", Waits: "the namespace x is still there: y", Expires: until},
		"**Preview** 🧹 gone: nothing of it is left<br>its time was up\n":                                                             {Phase: "Gone", Reason: "its time was up"},
		"**Preview** 🧹 gone<br>the namespace x stays\n":                                                                              {Phase: "Gone", Waits: "the namespace x stays"},
		"**Preview** ➖ none<br>drafts have none\n":                                                                                   {Phase: "Refused", Reason: "drafts have none"},
	} {
		if got := p.String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestLinksLeadOnlyToPlainAddresses(t *testing.T) {
	for address, link := range map[string]bool{
		"https://pr-7.example.com/":                 true,
		"http://10.0.0.1:8080/a/b":                  true,
		"javascript:alert(1)":                       false,
		"https://user:pass@example.com/":            false,
		"https://example.com/)[x](https://evil.com": false,
		"https://example.com/?a=@everyone":          false,
		"https://exa mple.com/":                     false,
		"ftp://example.com/":                        false,
		"https://example.com/\u202egpj":             true, // written out by its escapes
	} {
		if got := report.Link(address); strings.HasPrefix(got, "[") != link || strings.Contains(got, "\u202e") {
			t.Errorf("%q: %s", address, got)
		}
	}
	long := report.Preview{Phase: "Failed", Reason: strings.Repeat("é", 3000), Waits: strings.Repeat("é", 3000), SHA: strings.Repeat("a", 40), Head: strings.Repeat("b", 40), Expires: time.Now(), Command: "/slipway ",
		URLs: []string{"https://" + strings.Repeat("a", 200) + ".example.com", "x" + strings.Repeat("y", 400), "x", "y", "z", "w"}}.String()
	if n := len([]rune(report.WithPreview("h\n\n", long))); n > report.PreviewRoom {
		t.Errorf("a section of %d characters", n)
	}
}
