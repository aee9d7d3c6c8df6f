package github

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	line := "a line of text that is of some length\n"
	long := strings.Repeat(line, 20)
	tests := map[string]struct {
		markdown string
		limit    int
		want     string
	}{
		"short enough":        {"a\nb\n", 4, "a\nb\n"},
		"at a line":           {long, 200, strings.Repeat(line, 4) + shortened},
		"closes a fence":      {"```diff\n" + long, 200, "```diff\n" + strings.Repeat(line, 3) + "\n```\n" + shortened},
		"closes a long one":   {"````\n```\n" + long, 200, "````\n```\n" + strings.Repeat(line, 3) + "\n````\n" + shortened},
		"leaves a closed one": {"```\nx\n```\n" + long, 200, "```\nx\n```\n" + strings.Repeat(line, 4) + shortened},
		"closes a folding":    {"<details><summary>x</summary>\n\n" + long, 200, "<details><summary>x</summary>\n\n" + strings.Repeat(line, 3) + "\n</details>\n" + shortened},
		"a single long line":  {strings.Repeat("ü", 200), 100, strings.Repeat("ü", (100-len(shortened))/2) + shortened},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Cut(tt.markdown, tt.limit); got != tt.want {
				t.Errorf("got %d bytes:\n%s\nwant:\n%s", len(got), got, tt.want)
			}
		})
	}
}

func FuzzCut(f *testing.F) {
	f.Add("```\n"+strings.Repeat("x\n", 100), 100)
	f.Add("~~~~\n<details>\n"+strings.Repeat("üü\n", 100), 120)
	f.Fuzz(func(t *testing.T, markdown string, limit int) {
		if limit < 0 || limit > 1<<16 || !utf8.ValidString(markdown) {
			return
		}
		got := Cut(markdown, limit)
		if len(got) > limit {
			t.Fatalf("%d bytes, want at most %d", len(got), limit)
		}
		if !utf8.ValidString(got) {
			t.Fatal("cut within a character")
		}
	})
}
