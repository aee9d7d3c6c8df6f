package report

import (
	"strings"
	"unicode"
)

// Prose is a sentence of which others have chosen some words, such as a finding that quotes a name, or a server's answer: plain words stand as
// they are, and whatever a forge could read as more than a word (names, paths, numbers with points, signs, addresses, mentions) is in code.
// It may begin with a space or a colon, and then continues what it is put behind.
func Prose(s string) string {
	s = visible(s)
	var b strings.Builder
	if strings.HasPrefix(s, " ") {
		b.WriteString(" ")
	}
	var span []string // neighbouring words that are to be one piece of code
	flush := func(after string) {
		if len(span) > 0 {
			b.WriteString(Code(strings.Join(span, " ")))
		}
		span = nil
		b.WriteString(after)
	}
	for i, word := range strings.Fields(s) {
		open, core, end := dressed(word)
		if i > 0 && (len(span) == 0 || open != "" || harmless(core)) {
			flush(" ")
		}
		b.WriteString(open)
		switch {
		case !harmless(core) || i == 0 && numbered(core, end):
			span = append(span, core)
			if end != "" {
				flush(end)
			}
		default:
			b.WriteString(core + end)
		}
	}
	flush("")
	return b.String()
}

// dressed cuts the punctuation of a sentence off a word.
func dressed(word string) (open, core, end string) {
	core = strings.TrimLeft(word, `("'`)
	open = word[:len(word)-len(core)]
	closing := `)"',;:.?!…`
	if strings.Contains(core, "(") {
		closing = closing[1:] // the bracket is the word's own
	}
	if strings.ContainsAny(strings.TrimRight(core, closing), `"'`) && !harmless(strings.TrimRight(core, closing)) {
		open, core, closing = "", word, ",;:." // quotes within a word that is none belong to it
	}
	core = strings.TrimRight(core, closing)
	end = word[len(open)+len(core):]
	if strings.Contains(end, "!") && core == "" { // "![" begins a picture, and a lone mark is no word
		return "", word, ""
	}
	return open, core, end
}

// numbered says whether a word at the beginning of a line would begin a list.
func numbered(core, end string) bool {
	return core != "" && unicode.IsDigit(rune(core[0])) && end != ""
}

// maxNumber is how many digits are surely no abbreviation of a commit.
const maxNumber = 6

// harmless says whether a word is one to every forge, and nothing besides: letters of Latin scripts with single hyphens or apostrophes between
// them, or a short number. The lone dash of a sentence is one.
func harmless(word string) bool {
	if word == "" || word == "–" {
		return true
	}
	digits, inner := 0, false
	for i, r := range word {
		switch {
		case r == '-' || r == '\'' || r == '’':
			if !inner || i+len(string(r)) == len(word) {
				return false
			}
			inner = false
			continue
		case r < 0x250 && unicode.IsLetter(r):
		case r >= '0' && r <= '9':
			digits++
		default:
			return false
		}
		inner = true
	}
	return digits == 0 || digits == len(word) && digits <= maxNumber
}
