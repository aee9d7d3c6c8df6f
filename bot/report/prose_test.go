package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmtext "github.com/yuin/goldmark/text"
)

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		" is removed: its data may go with it":              " is removed: its data may go with it",
		": spec.selector cannot be changed":                 ": `spec.selector` cannot be changed",
		"use networking.k8s.io/v1 Ingress, please":          "use `networking.k8s.io/v1` Ingress, please",
		`webhook "a.b.c" denied (it has 1.5 of 3)`:          "webhook \"`a.b.c`\" denied (it has `1.5` of 3)",
		"shop/web web:1.4.0 are there":                      "`shop/web web:1.4.0` are there",
		"@acme/admins fixes #1, GH-1 and https://evil.test": "`@acme/admins` fixes `#1`, `GH-1` and `https://evil.test`",
		"the service's dry-run - done":                      "the service's dry-run `-` done",
		"expression '!('debug' in object.data)' resulted":   "expression `'!('debug'` in `object.data`)' resulted",
		"1. a list":                             "`1`. a list",
		"- a list":                              "`-` a list",
		":smile: **bold** <b> &lt; [x](y) ![x]": "`:smile`: `**bold** <b> &lt`; `[x](y) ![x]`",
		"a\u202eb is\nwritten out":              "`a<U+202E>b` is written out",
		"deadbeef1 and 1234567 are taken for commits, 12 no": "`deadbeef1` and `1234567` are taken for commits, 12 no",
		"": "",
	} {
		if got := Prose(in); got != want {
			t.Errorf("%q\nis   %q\nwant %q", in, got, want)
		}
	}
}

// FuzzProse holds that outside code there are only words: no mark, mention, reference or address, in one paragraph.
func FuzzProse(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
		f.Add("a " + s + " b")
	}
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	f.Fuzz(func(t *testing.T, s string) {
		source := []byte("- " + Code("web") + ": " + Prose(s) + "\n- " + Prose(s) + "\n- end\n")
		items := 0
		err := ast.Walk(md.Parser().Parse(gmtext.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch n := n.(type) {
			case *ast.Document, *ast.List, *ast.TextBlock, *ast.Paragraph:
			case *ast.ListItem:
				items++
			case *ast.CodeSpan:
				return ast.WalkSkipChildren, nil
			case *ast.Text:
				if bytes.ContainsAny(n.Segment.Value(source), "@#<>[]*_~`&\\/|") {
					t.Errorf("%q leaves %q outside code", s, n.Segment.Value(source))
				}
			default:
				t.Errorf("%q becomes %s", s, n.Kind())
			}
			return ast.WalkContinue, nil
		})
		if err != nil || items != 3 {
			t.Errorf("%q makes %d items of three: %v", s, items, err)
		}
		if strings.ContainsAny(Prose(s), "\n\r") {
			t.Errorf("%q has more lines than one", Prose(s))
		}
	})
}
