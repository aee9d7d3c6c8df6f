package policy

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// maxSize of a policy file in bytes.
const maxSize = 256 << 10

// Decode reads the content of a .slipway.yaml. It is strict: what it does not know is a fault with its line, for a rule that is
// misspelt must not silently be no rule.
func Decode(content []byte) (Policy, *object.Fault) {
	if len(content) > maxSize {
		return Policy{}, &object.Fault{Place: object.Place{File: File}, Message: "the file is larger than 256 KiB"}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return Policy{}, syntax(err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return Policy{}, nil
	}
	d := &decoder{}
	var p Policy
	d.fields(doc.Content[0], "", map[string]func(*yaml.Node, string){
		"version": func(n *yaml.Node, f string) {
			if v := d.whole(n, f); v != 1 {
				d.fault(n, f, "version must be 1")
			}
		},
		"lockTimeout": func(n *yaml.Node, f string) { p.LockTimeout = d.span(n, f, 30*24*time.Hour) },
		"comment": func(n *yaml.Node, f string) {
			if p.Comment = Comment(d.text(n, f)); p.Comment != CommentAlways && p.Comment != CommentOnChanges {
				d.fault(n, f, "comment must be always or changes")
			}
		},
		"statuses":     func(n *yaml.Node, f string) { p.Statuses = d.yes(n, f) },
		"environments": func(n *yaml.Node, f string) { p.Environments = d.environments(n, f) },
		"previews":     func(n *yaml.Node, f string) { p.Previews = d.previews(n, f) },
		"freezes":      func(n *yaml.Node, f string) { p.Freezes = d.freezes(n, f) },
		"overrides":    func(n *yaml.Node, f string) { p.Overrules = d.overrules(n, f) },
		"guards":       func(n *yaml.Node, f string) { p.Guards = d.guards(n, f) },
		"rules":        func(n *yaml.Node, f string) { p.Rules = d.rules(n, f) },
	})
	d.resolve(p)
	if d.first != nil {
		return Policy{}, d.first
	}
	return p, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func syntax(err error) *object.Fault {
	f := &object.Fault{Place: object.Place{File: File}, Message: "not YAML: " + err.Error()}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Message = "not YAML: " + m[2]
	}
	return f
}

// decoder reads nodes and keeps the first fault.
type decoder struct {
	first      *object.Fault
	references []reference
}

func (d *decoder) fault(n *yaml.Node, field, format string, args ...any) {
	if d.first == nil {
		d.first = &object.Fault{Place: object.Place{File: File, Line: n.Line}, Field: field, Message: fmt.Sprintf(format, args...)}
	}
}

// fields reads a mapping, each key by its own function. Aliases and merge keys have no use here and are refused, which also bounds
// what a file can unfold to.
func (d *decoder) fields(n *yaml.Node, at string, known map[string]func(*yaml.Node, string)) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, at, "must be a mapping")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field := strings.TrimPrefix(at+"."+key.Value, ".")
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			d.fault(key, field, "there is no such field")
		case seen[key.Value]:
			d.fault(key, field, "is there twice")
		default:
			read(value, field)
		}
		seen[key.Value] = true
	}
}

func (d *decoder) environments(n *yaml.Node, at string) []Environment {
	var all []Environment
	names := map[string]bool{}
	d.list(n, at, func(item *yaml.Node, field string) {
		e := d.environment(item, field)
		if names[e.Name] {
			d.fault(item, field+".name", "environment %q is there twice", e.Name)
		}
		names[e.Name] = true
		all = append(all, e)
	})
	return all
}

var environmentName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

func (d *decoder) environment(n *yaml.Node, at string) Environment {
	e := Environment{Allow: Allow{Permission: forge.Write}}
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"name":        func(n *yaml.Node, f string) { e.Name = d.text(n, f) },
		"match":       func(n *yaml.Node, f string) { e.Match = d.match(n, f) },
		"production":  func(n *yaml.Node, f string) { e.Production = d.yes(n, f) },
		"beforeMerge": func(n *yaml.Node, f string) { e.BeforeMerge = d.yes(n, f) },
		"requires":    func(n *yaml.Node, f string) { e.Requires = d.requires(n, f, &e.Name) },
		"allow":       func(n *yaml.Node, f string) { e.Allow = d.allow(n, f) },
		"guards":      func(n *yaml.Node, f string) { e.Guards = d.guards(n, f) },
	})
	if !environmentName.MatchString(e.Name) {
		d.fault(n, at+".name", "an environment needs a name of letters, digits, '-', '_' and '.'")
	}
	return e
}

func (d *decoder) match(n *yaml.Node, at string) Match {
	var m Match
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"labels":       func(n *yaml.Node, f string) { m.Labels = d.labels(n, f) },
		"applications": func(n *yaml.Node, f string) { m.Applications = d.globs(n, f) },
	})
	return m
}

// globs is a list of patterns; an empty list is not the same as none.
func (d *decoder) globs(n *yaml.Node, at string) []string {
	all := []string{}
	d.list(n, at, func(item *yaml.Node, f string) {
		glob := d.text(item, f)
		if _, err := path.Match(glob, ""); err != nil {
			d.fault(item, f, "%q is no glob", glob)
		}
		all = append(all, glob)
	})
	return all
}

func (d *decoder) allow(n *yaml.Node, at string) Allow {
	a := Allow{Permission: forge.Write}
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"permission": func(n *yaml.Node, f string) { a.Permission = d.permission(n, f) },
		"users":      func(n *yaml.Node, f string) { a.Users = d.users(n, f) },
		"teams":      func(n *yaml.Node, f string) { a.Teams = d.teams(n, f) },
		"unlock":     func(n *yaml.Node, f string) { a.Unlock = d.people(n, f) },
		"force":      func(n *yaml.Node, f string) { a.Force = d.people(n, f) },
		"actions":    func(n *yaml.Node, f string) { a.Actions = d.globs(n, f) },
	})
	return a
}

// permission may ask for more than write, never for less.
func (d *decoder) permission(n *yaml.Node, at string) forge.Permission {
	word := d.text(n, at)
	for _, p := range []forge.Permission{forge.Write, forge.Maintain, forge.Admin} {
		if word == p.String() {
			return p
		}
	}
	d.fault(n, at, "must be write, maintain or admin")
	return forge.Admin
}

func (d *decoder) labels(n *yaml.Node, at string) map[string]string {
	labels := map[string]string{}
	if n.Kind != yaml.MappingNode {
		d.fault(n, at, "must be a mapping of labels")
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		labels[key] = d.text(n.Content[i+1], at+"."+key)
	}
	return labels
}

func (d *decoder) list(n *yaml.Node, at string, read func(*yaml.Node, string)) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, at, "must be a list")
		return
	}
	for i, item := range n.Content {
		read(item, at+"["+strconv.Itoa(i)+"]")
	}
}

func (d *decoder) text(n *yaml.Node, at string) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" {
		d.fault(n, at, "must be a word")
		return ""
	}
	return n.Value
}

func (d *decoder) yes(n *yaml.Node, at string) bool {
	var b bool
	if n.Kind != yaml.ScalarNode || n.Decode(&b) != nil {
		d.fault(n, at, "must be true or false")
	}
	return b
}

func (d *decoder) whole(n *yaml.Node, at string) int {
	var i int
	if n.Kind != yaml.ScalarNode || n.Decode(&i) != nil {
		d.fault(n, at, "must be a whole number")
	}
	return i
}

// span is a duration between a minute and a longest one.
func (d *decoder) span(n *yaml.Node, at string, longest time.Duration) time.Duration {
	v, err := time.ParseDuration(d.text(n, at))
	if err != nil || v < time.Minute || v > longest {
		d.fault(n, at, "must be a duration between 1m and %dh, such as 24h", int(longest.Hours()))
	}
	return v
}

func (d *decoder) moment(n *yaml.Node, at string) time.Time {
	t, err := time.Parse(time.RFC3339, d.text(n, at))
	if err != nil {
		d.fault(n, at, "must be a time such as 2026-12-23T12:00:00Z")
	}
	return t
}
