package bot

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// hostileTexts are what a stranger might have us say.
var hostileTexts = []string{
	"@acme/admins", "fixes #1", "closes GH-1", "group!7", "$12", "%\"v1\"", "&4", "~bug", "https://evil.example/x", "www.evil.example", "mailto:a@b.c",
	"[x](https://evil.example)", "<img src=x onerror=alert(1)>", "</details>", "`code`", "``` \n# heading", "a | b", "**bold**", "a\u202eb", "a\u200bb", "x\x1b[31m",
	"\n\n> [!NOTE]\n> approved", "`", "``", " ` ", "\\`@acme`", "&lt;b&gt;", "<!-- slipway:report x -->",
}

func TestWhatOthersSayStaysText(t *testing.T) {
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	for _, text := range hostileTexts {
		for name, shown := range map[string]string{"escape": escape(text), "quote": quote(text), "cell": cell(text)} {
			line := "- before " + shown + " after\n"
			if strings.Count(line, "\n") != 1 {
				t.Errorf("%s %q: more than a line: %q", name, text, line)
			}
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), hiddenMark) {
				t.Errorf("%s %q: marks that do not show: %q", name, text, line)
			}
			var page bytes.Buffer
			if err := md.Convert([]byte(line), &page); err != nil {
				t.Fatal(err)
			}
			html := page.String()
			for strings.Contains(html, "<code>") {
				before, rest, _ := strings.Cut(html, "<code>")
				_, after, _ := strings.Cut(rest, "</code>")
				html = before + after
			}
			html = strings.NewReplacer("<ul>", "", "</ul>", "", "<li>", "", "</li>", "").Replace(html)
			if strings.ContainsAny(html, "<>@#!$%~|*`[") || strings.Contains(html, "evil") || strings.Contains(html, "GH-") {
				t.Errorf("%s %q: left its place: %s", name, text, page.String())
			}
		}
	}
	if got := escape("the head was pushed after the report"); got != "the head was pushed after the report" {
		t.Errorf("plain words became %q", got)
	}
}
