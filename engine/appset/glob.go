package appset

import (
	"path"
	"regexp"
	"strings"
)

// maxPattern is the length of a pattern in bytes.
const maxPattern = 512

// pattern says which files are meant.
type pattern struct {
	root  string // the folder below which all of them are; "." is the whole tree
	match func(name string) bool
	cost  int // of one match, in units of work: long patterns may look at a name many times over
}

// newPattern reads a path of git files. As a pathspec it names a file, a folder with all in it, or is a glob whose * crosses folders;
// as a doublestar glob ** crosses folders and * does not.
func newPattern(text string, doublestar bool) (pattern, error) {
	switch {
	case len(text) > maxPattern:
		return pattern{}, fault("", "a path may have %d bytes", maxPattern)
	case strings.HasPrefix(text, ":"):
		return pattern{}, fault("", "%q is a pathspec with magic; write a plain one, and exclude: true to leave files out", short(text))
	}
	clean := path.Clean(text) // "" is the root, as Argo CD has it
	if strings.HasPrefix(clean, "/") || clean == ".." || strings.HasPrefix(clean, "../") {
		return pattern{}, fault("", "%q leads out of the repository", short(text))
	}
	expression, err := translate(clean, doublestar)
	if err != nil {
		return pattern{}, err
	}
	p := pattern{root: literalRoot(clean), match: expression.MatchString, cost: 1 + len(clean)*len(clean)/256}
	if !doublestar {
		p.match = func(name string) bool {
			return clean == "." || name == clean || strings.HasPrefix(name, clean+"/") || expression.MatchString(name)
		}
	}
	return p, nil
}

// literalRoot is the longest part of a pattern that is a folder's name without wildcards.
func literalRoot(text string) string {
	wild := strings.IndexAny(text, `*?[\{`)
	if wild < 0 {
		return text
	}
	if cut := strings.LastIndexByte(text[:wild], '/'); cut > 0 {
		return text[:cut]
	}
	return "."
}

// translate makes a regular expression of a glob: those take linear time, whoever wrote them.
func translate(glob string, doublestar bool) (*regexp.Regexp, error) {
	g := translation{rest: glob, any: ".*", one: ".", segmented: doublestar}
	if doublestar {
		g.any, g.one = "[^/]*", "[^/]"
	}
	g.out.WriteString(`(?s)^`)
	if !g.run() {
		return nil, fault("", "%q is no pattern: a bracket is not closed", short(glob))
	}
	g.out.WriteString(`$`)
	e, err := regexp.Compile(g.out.String())
	if err != nil {
		return nil, fault("", "%q is no pattern", short(glob))
	}
	return e, nil
}

type translation struct {
	out       strings.Builder
	rest      string
	any, one  string
	segmented bool // ** and {a,b} mean something
	braces    int
	last      byte // the byte before rest; 0 at the beginning
}

func (g *translation) run() bool {
	for g.rest != "" {
		c := g.rest[0]
		switch {
		case c == '*':
			g.star()
			continue
		case c == '[':
			if !g.class() {
				return false
			}
			continue
		case c == '\\' && len(g.rest) > 1:
			g.literal(g.rest[1:2])
			g.take(2)
			continue
		case c == '?':
			g.out.WriteString(g.one)
		case g.segmented && c == '{':
			g.braces++
			g.out.WriteString("(?:")
		case g.segmented && c == '}' && g.braces > 0:
			g.braces--
			g.out.WriteString(")")
		case g.segmented && c == ',' && g.braces > 0:
			g.out.WriteString("|")
		default:
			g.literal(g.rest[:1])
		}
		g.take(1)
	}
	return g.braces == 0
}

// literal writes one byte as itself; the bytes of longer characters come one after another and stay as they are.
func (g *translation) literal(s string) {
	if s[0] < 0x80 {
		s = regexp.QuoteMeta(s)
	}
	g.out.WriteString(s)
}

func (g *translation) take(n int) {
	g.last = g.rest[n-1]
	g.rest = g.rest[n:]
}

func (g *translation) star() {
	n := len(g.rest) - len(strings.TrimLeft(g.rest, "*"))
	whole := n == 2 && strings.IndexByte("\x00/{,", g.last) >= 0
	switch {
	case g.segmented && whole && strings.HasPrefix(g.rest, "**/"):
		g.out.WriteString(`(?:[^/]+/)*`)
		n++
	case g.segmented && whole && len(g.rest) == n:
		g.out.WriteString(`.*`)
	default:
		g.out.WriteString(g.any)
	}
	g.take(n)
}

// class is a bracket: [abc], [!a-z], [[:digit:]].
func (g *translation) class() bool {
	i := 1
	negated := i < len(g.rest) && (g.rest[i] == '!' || g.rest[i] == '^')
	if negated {
		i++
	}
	begin := i
	var b strings.Builder
	for ; ; i++ {
		if i >= len(g.rest) {
			return false
		}
		c := g.rest[i]
		if c == ']' && i > begin {
			break
		}
		if end := strings.Index(g.rest[i:], ":]"); strings.HasPrefix(g.rest[i:], "[:") && end > 0 {
			b.WriteString(g.rest[i : i+end+2])
			i += end + 1
			continue
		}
		if c == '\\' && i+1 < len(g.rest) {
			i++
			c = g.rest[i]
			b.WriteByte('\\')
		} else if strings.IndexByte(`[]^&~`, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	if negated {
		g.out.WriteString("[^" + b.String() + "]")
	} else {
		g.out.WriteString("[" + b.String() + "]")
	}
	g.take(i + 1)
	return true
}
