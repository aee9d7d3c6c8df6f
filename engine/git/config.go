package git

import (
	"errors"
	"fmt"
	"strings"
)

var errConfig = errors.New("not written as git's configuration")

// parseConfig reads a file that is written as git's configuration is, and tells of each value, with its section and key in lower case.
// Files that it includes are not read.
func parseConfig(text string, each func(section, name, key, value string)) error {
	c := &configReader{rest: strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n"), line: 1}
	var section, name string
	for {
		c.blank()
		switch {
		case c.rest == "":
			return nil
		case c.rest[0] == '[':
			var ok bool
			if section, name, ok = c.section(); !ok {
				return c.fault()
			}
		default:
			key, value, ok := c.entry()
			if !ok {
				return c.fault()
			}
			each(section, name, key, value)
		}
	}
}

type configReader struct {
	rest string
	line int
}

func (c *configReader) fault() error { return fmt.Errorf("line %d: %w", c.line, errConfig) }

func (c *configReader) next() (byte, bool) {
	if c.rest == "" {
		return 0, false
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	if b == '\n' {
		c.line++
	}
	return b, true
}

// blank passes over spaces and comments.
func (c *configReader) blank() {
	for c.rest != "" {
		switch c.rest[0] {
		case ' ', '\t', '\n', '\r':
			_, _ = c.next()
		case '#', ';':
			c.comment()
		default:
			return
		}
	}
}

func (c *configReader) comment() {
	for b, ok := c.next(); ok && b != '\n'; b, ok = c.next() {
	}
}

// section reads [section], [section "name"] and the old [section.name].
func (c *configReader) section() (section, name string, ok bool) {
	c.rest = c.rest[1:]
	n := strings.IndexFunc(c.rest, func(r rune) bool { return !isKeyRune(r) && r != '.' })
	if n <= 0 {
		return "", "", false
	}
	section, c.rest = strings.ToLower(c.rest[:n]), c.rest[n:]
	if old, lower, found := strings.Cut(section, "."); found {
		section, name = old, lower
	}
	c.rest = strings.TrimLeft(c.rest, " \t")
	if strings.HasPrefix(c.rest, `"`) {
		c.rest = c.rest[1:]
		if name, ok = c.quoted(); !ok {
			return "", "", false
		}
	}
	if !strings.HasPrefix(c.rest, "]") || section == "" {
		return "", "", false
	}
	c.rest = c.rest[1:]
	return section, name, true
}

// quoted reads a section's name up to its closing quote, in which a backslash stands before any character.
func (c *configReader) quoted() (string, bool) {
	var out strings.Builder
	for {
		b, ok := c.next()
		if ok && b == '\\' {
			b, ok = c.next()
		} else if ok && b == '"' {
			return out.String(), true
		}
		if !ok || b == '\n' {
			return "", false
		}
		out.WriteByte(b)
	}
}

// entry reads "key = value" to the end of its line; a key alone has an empty value.
func (c *configReader) entry() (key, value string, ok bool) {
	n := strings.IndexFunc(c.rest, func(r rune) bool { return !isKeyRune(r) })
	if n < 0 {
		n = len(c.rest)
	}
	if n == 0 {
		return "", "", false
	}
	key, c.rest = strings.ToLower(c.rest[:n]), strings.TrimLeft(c.rest[n:], " \t")
	switch {
	case c.rest == "" || c.rest[0] == '\n' || c.rest[0] == '#' || c.rest[0] == ';':
		return key, "", true
	case c.rest[0] != '=':
		return "", "", false
	}
	c.rest = strings.TrimLeft(c.rest[1:], " \t")
	value, ok = c.value()
	return key, value, ok
}

// value reads to the end of the line. Spaces at its end count only within quotes.
func (c *configReader) value() (string, bool) {
	var out strings.Builder
	inQuotes, kept := false, 0
	for {
		b, ok := c.next()
		switch {
		case !ok || b == '\n':
			return out.String()[:kept], !inQuotes
		case (b == '#' || b == ';') && !inQuotes:
			c.comment()
			return out.String()[:kept], true
		case b == '"':
			inQuotes = !inQuotes
			kept = out.Len()
			continue
		case b == '\\':
			if b, ok = c.escaped(); !ok {
				return "", false
			}
			if b == 0 {
				continue // the line goes on
			}
			out.WriteByte(b)
			kept = out.Len()
			continue
		}
		out.WriteByte(b)
		if inQuotes || (b != ' ' && b != '\t' && b != '\r') {
			kept = out.Len()
		}
	}
}

// escaped is the character after a backslash; 0 for the end of a line, which is no end then.
func (c *configReader) escaped() (byte, bool) {
	b, ok := c.next()
	if !ok {
		return 0, false
	}
	switch b {
	case '\n':
		return 0, true
	case 'n':
		return '\n', true
	case 't':
		return '\t', true
	case 'b':
		return '\b', true
	case '"', '\\':
		return b, true
	}
	return 0, false
}

func isKeyRune(r rune) bool {
	return r == '-' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
}
