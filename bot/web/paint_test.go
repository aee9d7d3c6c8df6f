package web

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/slipway-cd/slipway/bot/report"
)

// FuzzPaintedDiffs holds that a painted diff has no element but ours, and says what the diff says.
func FuzzPaintedDiffs(f *testing.F) {
	for _, seed := range []string{"@@ -1 +1 @@\n-<b>\n+</pre><script>\n", "-a\x00b\n+a\rb\n", " &lt;\n", "+\"'>\n", "-é&\n+è&\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, wide bool) {
		rows := report.Rows(text)
		if wide {
			rows = report.Beside(rows)
		}
		p := painter{wide: wide}
		p.rows(rows)
		z := html.NewTokenizer(strings.NewReader(string(p.html())))
		var said strings.Builder
		depth := 0
		for z.Next() != html.ErrorToken {
			token := z.Token()
			switch token.Type {
			case html.TextToken:
				said.WriteString(token.Data)
			case html.StartTagToken:
				depth++
				allowed := token.Data == "b" && len(token.Attr) == 0 || token.Data == "span"
				for _, a := range token.Attr {
					allowed = allowed && (a.Key == "class" || (a.Key == "data-o" || a.Key == "data-n") && strings.Trim(a.Val, "0123456789") == "")
				}
				if !allowed {
					t.Fatalf("%q has the element %s", text, token)
				}
			case html.EndTagToken:
				depth--
			default:
				t.Fatalf("%q has %v", text, token)
			}
		}
		if depth != 0 {
			t.Fatalf("%q leaves %d elements open", text, depth)
		}
		if want := saying(rows, wide); said.String() != want {
			t.Fatalf("%q says %q, want %q", text, said.String(), want)
		}
	})
}

// saying is what rows say, without any markup.
func saying(rows []report.Row, wide bool) string {
	var b strings.Builder
	line := func(sign, text string) { b.WriteString(sign + strings.ReplaceAll(text, "\x00", "\uFFFD") + "\n") }
	for _, r := range rows {
		switch {
		case r.Op == '@':
			line("", r.Old)
		case r.Op == '-':
			line("-", r.Old)
		case r.Op == '+':
			line("+", r.New)
		case wide && r.Op == ' ':
			if r.Before > 0 {
				line(" ", r.Old)
			}
			if r.After > 0 {
				line(" ", r.New)
			}
		case r.Op == ' ':
			line(" ", r.Old)
		default:
			if r.Before > 0 {
				line("-", r.Old)
			}
			if r.After > 0 {
				line("+", r.New)
			}
		}
	}
	return b.String()
}

func TestWhatIsSealedIsOpenedForItsPurposeOnly(t *testing.T) {
	long := func(c string) []byte { return []byte(strings.Repeat(c, minKey)) }
	if _, err := newSeal([][]byte{[]byte("short")}); err == nil {
		t.Error("a short key is taken")
	}
	if _, err := newSeal(nil); err == nil {
		t.Error("no key is taken")
	}
	s, err := newSeal([][]byte{long("a")})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.close("session", session{ID: "somebody in particular"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(sealed, "somebody") {
		t.Error("it can be read")
	}
	var got session
	if err := s.open("session", sealed, &got); err != nil || got.ID != "somebody in particular" {
		t.Errorf("opened: %v %v", got, err)
	}
	if s.open("another", sealed, &got) == nil {
		t.Error("it is opened for another purpose")
	}
	other, err := newSeal([][]byte{long("b"), long("c")})
	if err != nil {
		t.Fatal(err)
	}
	if other.open("session", sealed, &got) == nil {
		t.Error("it is opened by other keys")
	}
}
