package health

import (
	"strings"
	"unicode"
)

// message is text with places to fill.
type message []part

type part struct {
	text    string
	choices []operand // the first that is there; words are always
}

func parseMessage(s string) message {
	var m message
	for s != "" {
		text, rest, found := strings.Cut(s, "{")
		if text != "" {
			m = append(m, part{text: text})
		}
		if !found {
			break
		}
		inner, after, _ := strings.Cut(rest, "}")
		p := part{}
		for _, choice := range strings.Split(inner, "|") {
			p.choices = append(p.choices, parseChoice(choice))
		}
		m, s = append(m, p), after
	}
	return m
}

func parseChoice(s string) operand {
	switch s {
	case "kind":
		return operand{speaks: noun}
	case "Kind":
		return operand{speaks: capital}
	}
	if strings.HasPrefix(s, ".") || strings.Contains(s, ":") && !strings.Contains(s, ": ") {
		if o, err := parseOperand(s); err == nil {
			return o
		}
	}
	return operand{word: s}
}

// noun is a kind in plain words: "change transfer policy".
func noun(kind string) string {
	var b strings.Builder
	for i, c := range kind {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// capital is a noun that begins a sentence.
func capital(kind string) string {
	words := noun(kind)
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func (m message) of(s subject) string {
	var b strings.Builder
	for _, p := range m {
		b.WriteString(p.text)
		for _, c := range p.choices {
			if v := c.of(s); v != nil {
				b.WriteString(plain(v))
				break
			}
		}
	}
	return b.String()
}
