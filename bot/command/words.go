package command

import (
	"strings"
	"unicode/utf8"
)

// split cuts a line into words at spaces; quotes keep words together, and a backslash keeps the next character. The second
// result says what is wrong, in words, or is empty.
func split(line string) ([]string, string) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped, inWord = true, true
		case quote != 0:
			if closes(quote, r) {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '"' || r == '\'' || r == '“':
			quote, inWord = r, true
		case isSpace(r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, "a quote is not closed"
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, ""
}

// closes says whether r ends a quote; keyboards write curly ones by themselves.
func closes(quote, r rune) bool {
	if quote == '“' {
		return r == '”' || r == '"'
	}
	return r == quote
}

// Nearest is the candidate that a word was most likely meant to be, or "".
func Nearest(word string, candidates []string) string { return nearest(word, candidates) }

// nearest is the candidate that word was most likely meant to be, or "". Short words may be off by one slip, longer ones by two; a
// slip is a letter too many, too few, changed, or two swapped.
func nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	if len(word) > 20 {
		return ""
	}
	best, found := "", 3
	for _, c := range candidates {
		allowed := 2
		if len(strings.TrimLeft(c, "-")) <= 5 {
			allowed = 1
		}
		if d := slips(word, c); d <= allowed && d < found {
			best, found = c, d
		}
	}
	return best
}

// slips is the number of edits between two short words (optimal string alignment).
func slips(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// clip shortens what is repeated to its author.
func clip(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
