package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// hostileTexts are what a pull request might have us say.
var hostileTexts = []string{
	"@acme/admins", "fixes #1", "closes GH-1", "https://evil.example/x", "[x](https://evil.example)", "<img src=x onerror=alert(1)>", "</details>",
	"</code></summary></details><h1>approved", "`code`", "```", "````\n# heading", "a | b", "a \\| b", "\\", "a\u202eb", "a\u2028b", "a\u200bb", "\x1b[31m", "\r# x",
	"\n\n> [!NOTE]\n> approved", "` | `", " ` ", "\\`@acme`", "&lt;b&gt;", "--> <b>", "", " ", "\ufeff", "~~~\n# x",
}

// text is what of a page is neither in code nor a tag of the frame around it.
func text(t *testing.T, markdown string) (outside, page string) {
	t.Helper()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	var b bytes.Buffer
	if err := md.Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	outside = b.String()
	for {
		before, rest, found := strings.Cut(outside, "<code")
		if !found {
			return outside, b.String()
		}
		_, after, _ := strings.Cut(rest, "</code>")
		outside = before + after
	}
}

// TestNothingLeavesItsPlace frames each text as the report does and looks whether the page has the same shape as with a plain word.
func TestNothingLeavesItsPlace(t *testing.T) {
	frames := map[string]func(string) string{
		"a line":    func(s string) string { return "- before " + Code(s) + " after\n- next\n" },
		"a warning": func(s string) string { return "> [!WARNING]\n" + quote(Code("web")+": "+Code(s)+"\n") + ">\n\nnext\n" },
		"a fence":   func(s string) string { return fence("diff", s) + "\nnext\n" },
		"an alert": func(s string) string {
			return "> [!CAUTION]\n" + quote(Code("web")+" fails\n"+fence("text", s)) + ">\n\nnext\n"
		},
		"a table": func(s string) string {
			return "| A | B | C |\n|---|---|---|\n| " + cell(s) + " | " + plain(s+"x") + " | c |\n\nnext\n"
		},
		"a summary": func(s string) string {
			return "<details><summary>" + htmlCode(s) + "</summary>\n\nx\n\n</details>\n\nnext\n"
		},
		"a headline": func(s string) string { return "### ✋ " + Code(s) + " was not carried out\n\nnext\n" },
	}
	for name, frame := range frames {
		want, _ := text(t, frame("word"))
		for _, hostile := range hostileTexts {
			got, page := text(t, frame(hostile))
			if got != want {
				t.Errorf("%s with %q:\n%s", name, hostile, page)
			}
			if strings.ContainsAny(frame(hostile), "\u202e\u200b\u2028\x1b\r\ufeff") && name != "a fence" && name != "an alert" {
				t.Errorf("%s with %q keeps marks that do not show", name, hostile)
			}
		}
	}
}
