package appset

import (
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/slipway-cd/slipway/engine/object"
)

// Bounds on templates. They are counts, not times: the same set fails on a slow machine and on a fast one, or on neither.
const (
	maxTemplate = 256 << 10 // bytes of a template's text
	maxOutput   = 1 << 20   // bytes of what one template makes
	maxValue    = 1 << 20   // bytes, roughly, of a value that a function takes or yields
	maxNesting  = 100       // levels of a value, and of templates that call each other
	maxOnce     = 16 << 20  // units of work for one template
	maxWork     = 512 << 20 // units of work for a whole set
)

// A unit of work is a byte that is written or looked at, some nanoseconds. What a node of a template and a call of a function cost
// beside that is about as much as so many bytes.
const perStep = 100

var (
	errTooLarge = &object.Fault{Message: fmt.Sprintf("the template makes more than %d KiB", maxOutput>>10)}
	errTooMuch  = &object.Fault{Message: "this asks for too much work"}
	errTooDeep  = &object.Fault{Message: fmt.Sprintf("templates or values are nested more than %d levels deep", maxNesting)}
)

// budget is what templates and generators of one set may still do.
type budget struct {
	left  int // for the set
	once  int // for the template that is being executed
	depth int // of templates that are being executed
}

func newBudget() *budget { return &budget{left: maxWork, once: maxWork} }

// begin and end enclose the execution of one template.
func (b *budget) begin() { b.once, b.depth = maxOnce, 0 }
func (b *budget) end()   { b.once = maxWork }

func (b *budget) spend(n int) error {
	if n < 0 || n > b.left || n > b.once {
		return copyOf(errTooMuch)
	}
	b.left -= n
	b.once -= n
	return nil
}

// copyOf is a fault that can be given a place.
func copyOf(f *object.Fault) *object.Fault {
	c := *f
	return &c
}

// output collects what a template writes, up to a limit.
type output struct {
	strings.Builder
	limit *budget
}

func (o *output) Write(p []byte) (int, error) {
	if o.Len()+len(p) > maxOutput {
		return 0, copyOf(errTooLarge)
	}
	if err := o.limit.spend(len(p)); err != nil {
		return 0, err
	}
	return o.Builder.Write(p)
}

// The names of the functions that instrument puts into templates. Nobody else may call them.
const (
	reserved  = "slipwayBudget"
	tickName  = reserved + "Tick"
	enterName = reserved + "Enter"
	leaveName = reserved + "Leave"
)

// own are those functions. They print nothing.
func (b *budget) own() template.FuncMap {
	return template.FuncMap{
		tickName: func(work int) (string, error) { return "", b.spend(work * perStep) },
		enterName: func(work int) (string, error) {
			if b.depth++; b.depth > maxNesting {
				return "", copyOf(errTooDeep)
			}
			return "", b.spend(work * perStep)
		},
		leaveName: func() string { b.depth--; return "" },
	}
}

// parse reads a template, once for all the sets of parameters it is filled with.
func (t *templates) parse(s source) (*template.Template, error) {
	if done, ok := t.parsed[s]; ok {
		return done, nil
	}
	switch {
	case len(s.text) > maxTemplate:
		return nil, fault("", "a template may have %d KiB", maxTemplate>>10)
	case strings.Contains(s.text, reserved):
		return nil, fault("", "the names that begin with %s are taken", reserved)
	}
	from := t.loose
	if s.strict {
		from = t.strict
	}
	fresh, err := from.Clone()
	if err != nil {
		return nil, fmt.Errorf("copying the template functions: %w", err)
	}
	parsed, err := fresh.Parse(s.text)
	if err != nil {
		return nil, templateFault(err)
	}
	for _, each := range parsed.Templates() {
		if each.Tree == nil || each.Root == nil {
			continue
		}
		work := instrument(each.Root)
		each.Root.Nodes = append(append(call(enterName, work), each.Root.Nodes...), call(leaveName, -1)...)
	}
	t.parsed[s] = parsed
	return parsed, nil
}

// instrument puts a call of tick at the head of every loop below list: an endless loop has to end somewhere, and execution cannot be
// interrupted from outside. It says how many nodes there are.
func instrument(list *parse.ListNode) int {
	if list == nil {
		return 0
	}
	work := len(list.Nodes)
	branch := func(b *parse.BranchNode) int { return instrument(b.List) + instrument(b.ElseList) }
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.IfNode:
			work += branch(&n.BranchNode)
		case *parse.WithNode:
			work += branch(&n.BranchNode)
		case *parse.RangeNode:
			turn := instrument(n.List)
			n.List.Nodes = append(call(tickName, turn), n.List.Nodes...)
			work += turn + instrument(n.ElseList)
		}
	}
	return work
}

// call is the nodes of {{name work}}.
func call(name string, work int) []parse.Node {
	text := "{{" + name + "}}"
	if work >= 0 {
		text = fmt.Sprintf("{{%s %d}}", name, work+1)
	}
	trees, err := parse.Parse(name, text, "", "", map[string]any{name: true})
	if err != nil {
		return nil // the text is ours and always parses
	}
	return trees[name].Root.Nodes
}

var templatePlace = regexp.MustCompile(`^template: t:(\d+)(?::\d+)?: (?:executing "t" at )?`)

// templateFault says what text/template says without its words for the place.
func templateFault(err error) error {
	if f, ok := object.AsFault(err); ok {
		return copyOf(f)
	}
	message := templatePlace.ReplaceAllString(err.Error(), "line $1: ")
	return fault("", "%s", strings.Replace(short300(message), "\n", " ", -1))
}

func short300(s string) string {
	if len(s) > 300 {
		return strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
