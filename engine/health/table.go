package health

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The rules of custom resources are data: folder rules, one file a field of work. A file is read line by line.
//
//	# a comment
//	pattern ready                      lines that several kinds share, by a name
//	  Healthy  Ready=True : {Ready:message}
//	kind a.b/C *.d.io/*                what follows is of these kinds; a star stands for any part of a group or for any kind
//	  conditions .status.deep.list     where they are, if not in status.conditions
//	  use ready
//	  Degraded .status.phase=Failed|Error Ready:reason!=Waiting : {.status.message|it failed}
//	  Progressing : Waiting for C
//
// The first line counts of which all terms hold; one without terms always does. Its word is the health ("none" is no health), what
// follows a lone colon the message. A term compares an operand with others: = (one of), != (there, and none of), ~ (a glob with a star at an end),
// and < <= > >= for numbers; alone it asks whether there is such a field or condition, and a ! before it says the opposite. An operand is a path
// (.status.phase, keys with dots in quotes, # for a length, ?0 for a default, [] for any item of a list), a condition's status (Ready) or another field of it
// (Ready:reason), or a word. In a message {a|b|c} is the first of these that is there; the last may be plain text; {kind} is the
// kind in plain words, and {Kind} the same at the beginning of a sentence.
//
//go:embed rules/*.rules
var ruleFiles embed.FS

// chart is what judges a kind by data.
type chart struct {
	conditions []string
	lines      []line
}

type line struct {
	status Status // empty for no health
	terms  []term
	say    message
}

// charts are those of all rule files: by kind, and of whole groups in the order of the files.
type charts struct {
	exact map[schema.GroupKind]*chart
	wide  []wide
}

type wide struct {
	group, kind string // globs
	of          *chart
}

// find is a kind's chart, or that of its whole group; nil if there is none. The groups of Kubernetes itself have none as a whole.
func (c *charts) find(kind schema.GroupKind) *chart {
	if found, ok := c.exact[kind]; ok {
		return found
	}
	if builtIn(kind.Group) {
		return nil
	}
	for _, w := range c.wide {
		if covers(w.group, kind.Group) && covers(w.kind, kind.Kind) {
			return w.of
		}
	}
	return nil
}

// covers says whether a pattern stands for a name: a star in it is at its beginning, or alone.
func covers(pattern, s string) bool {
	return pattern == "*" || like(pattern, s)
}

// shipped are the charts that come with the program. They are read once; a test reads them too, so that reading does not fail here.
var shipped = sync.OnceValue(func() *charts {
	c, err := readCharts(ruleFiles)
	if err != nil {
		return &charts{}
	}
	return c
})

func readCharts(files fs.FS) (*charts, error) {
	names, err := fs.Glob(files, "rules/*.rules")
	if err != nil {
		return nil, fmt.Errorf("listing rules: %w", err)
	}
	r := chartReader{into: &charts{exact: map[schema.GroupKind]*chart{}}, patterns: map[string][]line{}}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading rules: %w", err)
		}
		if err := r.read(name, string(text)); err != nil {
			return nil, err
		}
	}
	return r.into, nil
}

type chartReader struct {
	into     *charts
	patterns map[string][]line
	// add takes a line into the kind or pattern that is being read, now is the kind.
	add func(...line)
	now *chart
}

func (r *chartReader) read(name, text string) error {
	scan := bufio.NewScanner(strings.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		if err := r.line(strings.TrimSpace(scan.Text())); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return scan.Err()
}

func (r *chartReader) line(text string) error {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "", "#":
		return nil
	case "pattern":
		r.now = nil
		r.add = func(l ...line) { r.patterns[rest] = append(r.patterns[rest], l...) }
		return nil
	case "kind":
		return r.kinds(strings.Fields(rest))
	}
	if r.add == nil {
		return fmt.Errorf("%q belongs to no kind", text)
	}
	switch word {
	case "use":
		lines, ok := r.patterns[rest]
		if !ok {
			return fmt.Errorf("no pattern %q", rest)
		}
		r.add(lines...)
		return nil
	case "conditions":
		if r.now == nil {
			return fmt.Errorf("a pattern has no conditions of its own")
		}
		o, err := parseOperand(rest)
		r.now.conditions = o.path
		return err
	}
	l, err := parseLine(word, rest)
	r.add(l)
	return err
}

func (r *chartReader) kinds(names []string) error {
	c := &chart{conditions: []string{"status", "conditions"}}
	for _, name := range names {
		group, kind, ok := strings.Cut(name, "/")
		if !ok {
			return fmt.Errorf("%q is not a group and a kind", name)
		}
		if strings.Contains(name, "*") {
			r.into.wide = append(r.into.wide, wide{group, kind, c})
			continue
		}
		gk := schema.GroupKind{Group: group, Kind: kind}
		if _, twice := r.into.exact[gk]; twice {
			return fmt.Errorf("%s has rules already", name)
		}
		r.into.exact[gk] = c
	}
	r.now, r.add = c, func(l ...line) { c.lines = append(c.lines, l...) }
	return nil
}

func parseLine(word, rest string) (line, error) {
	l := line{status: Status(word)}
	if word == "none" {
		l.status = ""
	} else if rank(l.status) == 5 && l.status != Unknown {
		return line{}, fmt.Errorf("%q is no health", word)
	}
	asked, say := words(rest)
	l.say = parseMessage(say)
	for _, w := range asked {
		t, err := parseTerm(w)
		if err != nil {
			return line{}, err
		}
		l.terms = append(l.terms, t)
	}
	return l, nil
}

// words splits what stands before a lone colon at spaces outside of quotes.
func words(s string) (all []string, rest string) {
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" {
			return all, ""
		}
		end, quoted := len(s), false
		for i, c := range s {
			if c == '"' {
				quoted = !quoted
			}
			if c == ' ' && !quoted {
				end = i
				break
			}
		}
		if s[:end] == ":" {
			return all, strings.TrimSpace(s[end:])
		}
		all, s = append(all, s[:end]), s[end:]
	}
}

func (c *chart) judge(object map[string]any) *Health {
	s := subject{object: object}
	s.conditions, _ = s.at(c.conditions).([]any)
	i := slices.IndexFunc(c.lines, func(l line) bool { return l.holds(s) })
	if i < 0 || c.lines[i].status == "" {
		return nil
	}
	return &Health{c.lines[i].status, c.lines[i].say.of(s)}
}

func (l line) holds(s subject) bool {
	for _, t := range l.terms {
		if !t.holds(s) {
			return false
		}
	}
	return true
}
