package manifest

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Block reads the YAML that nearly all manifests and values are written in, block mappings and sequences with scalars of one line or
// literal blocks, several times as fast as a parser of all of YAML does. It yields what that parser would, or not ok: the text has
// something else in it, or is wrong, and the parser is to say what. Wholes says whether whole numbers are int64, as in manifests; else
// all numbers are float64, as Helm has them in values.
func Block(text []byte, wholes bool) (value any, ok bool) {
	if !printable(text) {
		return nil, false
	}
	b := block{text: string(text), wholes: wholes}
	if b.next(); b.end {
		return nil, false
	}
	value, ok = b.node()
	return value, ok && b.end && !b.odd
}

// printable says whether a text has only characters that YAML takes for what they are.
func printable(text []byte) bool {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError || r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return false
		}
		i += size
	}
	return true
}

// block reads a document line by line. Its line is the one that is looked at: without its indent, and never blank or a comment.
type block struct {
	text   string
	wholes bool
	at     int // where the line after it begins
	indent int
	line   string
	end    bool // there is no line any more
	odd    bool // something was met that is not for this reader
	depth  int
}

// maxBlocks is how deep mappings and sequences may lie within each other.
const maxBlocks = 100

// next goes to the next line that says something.
func (b *block) next() {
	for b.at < len(b.text) {
		raw := b.raw()
		line := strings.TrimLeft(raw, " ")
		if line == "" || line[0] == '#' {
			continue
		}
		b.indent, b.line = len(raw)-len(line), strings.TrimRight(line, " ")
		marks := b.indent == 0 && (strings.HasPrefix(line, "---") || strings.HasPrefix(line, "..."))
		b.odd = b.odd || marks || strings.IndexByte(line, '\t') >= 0
		return
	}
	b.end, b.line, b.indent = true, "", -1
}

// raw is the next line as it stands, without its end.
func (b *block) raw() string {
	rest := b.text[b.at:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		b.at += i + 1
		return rest[:i]
	}
	b.at = len(b.text)
	return rest
}

// node reads what begins on the line.
func (b *block) node() (any, bool) {
	if b.depth++; b.odd || b.depth > maxBlocks {
		return nil, false
	}
	defer func() { b.depth-- }()
	if isItem(b.line) {
		return b.sequence(b.indent)
	}
	return b.mapping(b.indent)
}

func isItem(line string) bool {
	return line != "" && line[0] == '-' && (len(line) == 1 || line[1] == ' ')
}

func (b *block) mapping(indent int) (any, bool) {
	m := map[string]any{}
	for b.indent == indent && !b.end {
		key, rest, ok := b.key(b.line)
		if !ok || b.odd {
			return nil, false
		}
		if _, twice := m[key]; twice {
			return nil, false
		}
		if rest != "" {
			m[key], ok = b.scalar(rest, indent)
		} else {
			b.next()
			switch {
			case b.indent > indent:
				m[key], ok = b.node()
			case b.indent == indent && isItem(b.line):
				m[key], ok = b.sequence(indent)
			default:
				m[key] = nil
			}
		}
		if !ok {
			return nil, false
		}
	}
	return m, b.indent < indent
}

func (b *block) sequence(indent int) (any, bool) {
	list := []any{}
	for b.indent == indent && isItem(b.line) {
		rest := strings.TrimLeft(b.line[1:], " ")
		var item any
		ok := true
		if _, _, keyed := b.key(rest); keyed {
			b.indent, b.line = indent+len(b.line)-len(rest), rest
			item, ok = b.node()
		} else if rest != "" && rest[0] != '#' {
			item, ok = b.scalar(rest, indent)
		} else if b.next(); b.indent > indent {
			item, ok = b.node()
		}
		if !ok || b.odd {
			return nil, false
		}
		list = append(list, item)
	}
	return list, b.indent <= indent
}

// key reads a key and its colon, and yields what stands behind them, without a comment.
func (b *block) key(line string) (key, rest string, ok bool) {
	if line == "" {
		return "", "", false
	}
	switch c := line[0]; {
	case c == '"' || c == '\'':
		if key, rest, ok = quoted(line); !ok || rest == "" || rest[0] != ':' {
			return "", "", false
		}
	case isLetter(c) || c == '_' || c == '$' || c == '/':
		n := 1
		for n < len(line) && inWord(line[n]) {
			n++
		}
		if n == len(line) || line[n] != ':' {
			return "", "", false
		}
		key, rest = line[:n], line[n:]
		if _, special := words[key]; special {
			return "", "", false
		}
	default:
		return "", "", false
	}
	if len(key) > maxKey || len(rest) > 1 && rest[1] != ' ' {
		return "", "", false
	}
	if rest = strings.TrimLeft(rest[1:], " "); rest != "" && rest[0] == '#' {
		rest = ""
	}
	return key, rest, true
}

// maxKey lies below the length from which YAML takes nothing for a key.
const maxKey = 500

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// inWord says whether a character may stand anywhere in a plain scalar, within brackets, too.
func inWord(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '.' || c == '/' || c == '-' || c == '$'
}

// scalar reads a value that begins on the line, of which rest is left, for a mapping or sequence at an indent.
func (b *block) scalar(rest string, indent int) (value any, ok bool) {
	switch rest[0] {
	case '|':
		return b.literal(rest, indent)
	case '"', '\'':
		text, tail, closed := quoted(rest)
		value, ok = text, closed && blank(tail)
	case '[', '{':
		value, ok = b.brackets(rest)
	case '>', '&', '*', '!', '%', '@', '`', '?', ':', ',', ']', '}', '#', '=', '<':
		return nil, false
	default:
		if isItem(rest) {
			return nil, false
		}
		if i := strings.Index(rest, " #"); i >= 0 {
			rest = strings.TrimRight(rest[:i], " ")
		}
		if strings.HasSuffix(rest, ":") || strings.Contains(rest, ": ") {
			return nil, false
		}
		value, ok = b.plain(rest)
	}
	b.next() // which nothing may follow that is part of the value
	return value, ok && b.indent <= indent
}

// blank says whether nothing but a comment is left of a line.
func blank(tail string) bool {
	rest := strings.TrimLeft(tail, " ")
	return rest == "" || rest[0] == '#' && len(rest) < len(tail)
}

// quoted reads a scalar in quotes that ends on its line.
func quoted(line string) (text, tail string, ok bool) {
	quote := line[0]
	n := 1
	for ; n < len(line) && line[n] != quote; n++ {
		if line[n] == '\\' && quote == '"' {
			return escaped(line)
		}
	}
	if n >= len(line) || quote == '\'' && n+1 < len(line) && line[n+1] == '\'' {
		return escaped(line)
	}
	return line[1:n], line[n+1:], true
}

// escaped is quoted for a text that is not what it stands for.
func escaped(line string) (text, tail string, ok bool) {
	quote := line[0]
	out := make([]byte, 0, len(line))
	for n := 1; n < len(line); n++ {
		c := line[n]
		switch {
		case c == quote && quote == '\'' && n+1 < len(line) && line[n+1] == '\'':
			n++
		case c == quote:
			return string(out), line[n+1:], true
		case c == '\\' && quote == '"':
			n++
			if n == len(line) {
				return "", "", false
			}
			switch line[n] {
			case '"', '\\':
				c = line[n]
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			default:
				return "", "", false
			}
		}
		out = append(out, c)
	}
	return "", "", false
}

// brackets reads an empty map, or a list of plain and quoted scalars on one line.
func (b *block) brackets(rest string) (any, bool) {
	if tail, ok := strings.CutPrefix(rest, "{}"); ok {
		return map[string]any{}, blank(tail)
	}
	list := []any{}
	if tail, ok := strings.CutPrefix(rest, "[]"); ok {
		return list, blank(tail)
	}
	if rest[0] != '[' {
		return nil, false
	}
	for {
		rest = strings.TrimLeft(rest[1:], " ")
		if rest == "" {
			return nil, false
		}
		var item any
		var ok bool
		if rest[0] == '"' || rest[0] == '\'' {
			item, rest, ok = quoted(rest)
		} else {
			n := 0
			for n < len(rest) && inWord(rest[n]) {
				n++
			}
			if n == 0 || rest[:n] == "-" {
				return nil, false
			}
			item, ok = b.plain(rest[:n])
			rest = rest[n:]
		}
		if rest = strings.TrimLeft(rest, " "); !ok || rest == "" {
			return nil, false
		}
		list = append(list, item)
		switch rest[0] {
		case ']':
			return list, blank(rest[1:])
		case ',':
		default:
			return nil, false
		}
	}
}

// literal reads a block of text, whose lines are kept as they are.
func (b *block) literal(header string, indent int) (any, bool) {
	if header != "|" && header != "|-" && header != "|+" {
		return nil, false
	}
	var text strings.Builder
	inner, ends := 0, 0 // the text's indent, and the line ends that are not written yet
	for b.at < len(b.text) {
		before := b.at
		raw := b.raw()
		line := strings.TrimLeft(raw, " ")
		deep := len(raw) - len(line)
		if inner == 0 {
			if inner = deep; line == "" || line[0] == '\t' || inner <= indent {
				return nil, false
			}
		}
		if line != "" && deep < inner {
			b.at = before
			break
		}
		if b.at == len(b.text) && b.text[b.at-1] != '\n' {
			return nil, false
		}
		if len(raw) > inner {
			for ; ends > 0; ends-- {
				text.WriteByte('\n')
			}
			text.WriteString(raw[inner:])
		}
		ends++
	}
	if inner == 0 {
		return nil, false
	}
	if header == "|-" {
		ends = 0
	} else if header == "|" {
		ends = 1
	}
	for range ends {
		text.WriteByte('\n')
	}
	b.next()
	return text.String(), b.indent <= indent
}

// words are those that are no text where they stand alone.
var words = map[string]any{"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "true": true, "True": true, "TRUE": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "false": false, "False": false, "FALSE": false, "off": false, "Off": false, "OFF": false,
	"~": nil, "null": nil, "Null": nil, "NULL": nil}

// plain is what a scalar without quotes stands for.
func (b *block) plain(s string) (any, bool) {
	switch c := s[0]; {
	case isDigit(c) || c == '-' || c == '+':
		return b.number(s)
	case c == '.':
		return s, len(s) == 1 || s[1] == '/' || s[1] == '.'
	}
	if len(s) <= len("false") {
		if value, special := words[s]; special {
			return value, true
		}
	}
	return s, true
}

// numeric are the characters of numbers and dates, in whatever notation.
const numeric = "0123456789abcdefABCDEFxXoO_+.-"

// maxDigits may stand in a number without any getting lost.
const maxDigits = 15

// number reads what begins as a number. All but the plainest are left to the parser.
func (b *block) number(s string) (any, bool) {
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if len(digits) <= maxDigits && allDigits(whole) && (whole == "0" || whole[0] != '0') && (!dotted || allDigits(fraction)) {
		f, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil || s == "-0":
			return nil, false
		case !b.wholes:
			return f, true
		case f == float64(int64(f)):
			return int64(f), !dotted
		}
		return f, true
	}
	if strings.Trim(s, numeric) == "" && strings.Count(s, ".") < 2 || len(s) > 1 && !isDigit(s[0]) && s[1] == '.' {
		return nil, false
	}
	return s, true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
