package rbac

import (
	"encoding/csv"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/casbin/govaluate"
	"github.com/gobwas/glob"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Line is one line of a policy: "p, subject, resource, action, object, allow|deny" or "g, member, role".
type Line struct {
	key    string   // "p" or "g"
	fields []string // without the key
}

// String writes it as in a policy.
func (l Line) String() string { return l.key + ", " + strings.Join(l.fields, ", ") }

// Error says which line of a policy cannot be read.
type Error struct {
	// Number counts from 1; 0 for a line of a project's role. Where says whose line it is.
	Number  int
	Where   string
	Text    string
	Message string
}

func (e *Error) Error() string {
	where := e.Where
	if e.Number > 0 {
		where = fmt.Sprintf("line %d", e.Number)
	}
	return fmt.Sprintf("%s: %s: %.200q", where, e.Message, e.Text)
}

// parse reads the lines of a policy; empty ones and those that begin with # say nothing.
func parse(policy, mode string) ([]Line, error) {
	var all []Line
	number := 0
	for text := range strings.Lines(policy) {
		number++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		l, problem := parseLine(text, mode)
		if problem != "" {
			return nil, &Error{Number: number, Text: text, Message: problem}
		}
		all = append(all, l)
	}
	return all, nil
}

// parseLine reads a line; the second result says what is wrong with it, or is empty.
func parseLine(text, mode string) (Line, string) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.TrimLeadingSpace = true
	tokens, err := reader.Read()
	if err != nil {
		return Line{}, "it is not comma-separated values"
	}
	for i := range tokens {
		tokens[i] = strings.TrimSpace(tokens[i])
	}
	switch key := tokens[0]; {
	case key == "p" && len(tokens) == 6:
		if eft := tokens[5]; eft != "allow" && eft != "deny" {
			return Line{}, fmt.Sprintf("a p line ends with allow or deny, not %q", eft)
		}
		for _, pattern := range tokens[2:5] {
			if err := compiles(pattern, mode); err != nil {
				return Line{}, fmt.Sprintf("%q is no %s", pattern, mode)
			}
		}
	case key == "g" && len(tokens) == 3:
	case key == "p":
		return Line{}, "a p line has six parts: p, subject, resource, action, object, allow or deny"
	case key == "g":
		return Line{}, "a g line has three parts: g, member, role"
	default:
		return Line{}, "a line begins with p or g"
	}
	if slices.Contains(tokens, "") {
		return Line{}, "a part of it is empty"
	}
	return Line{key: tokens[0], fields: tokens[1:]}, ""
}

var roleName = regexp.MustCompile(`^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$`)

// projectResources are what a project's roles may speak of.
var projectResources = []string{"applications", "applicationsets", "repositories", "clusters", "logs", "exec"}

// roleLines are those of a project's roles: each may look at its project, and may what its own lines say, about the project alone.
func roleLines(proj *argo.AppProject, mode string) ([]Line, error) {
	var all []Line
	for _, role := range proj.Spec.Roles {
		name := "proj:" + proj.Name + ":" + role.Name
		fail := func(text, message string) error {
			return &Error{Where: fmt.Sprintf("role %s of project %s", role.Name, proj.Name), Text: text, Message: message}
		}
		if !roleName.MatchString(role.Name) {
			return nil, fail(role.Name, "it is no name of a role")
		}
		all = append(all, Line{"p", []string{name, "projects", "get", proj.Name, "allow"}})
		for _, text := range role.Policies {
			l, problem := parseLine(strings.TrimSpace(text), mode)
			if problem == "" {
				problem = foreign(l, proj.Name, name)
			}
			if problem != "" {
				return nil, fail(text, problem)
			}
			all = append(all, l)
		}
		for _, group := range role.Groups {
			if strings.TrimSpace(group) == "" || strings.ContainsAny(group, ",\n\r\t") {
				return nil, fail(group, "it is no name of a group")
			}
			all = append(all, Line{"g", []string{strings.TrimSpace(group), name}})
		}
	}
	return all, nil
}

// foreign says why a line is none of a project's role, or "".
func foreign(l Line, project, role string) string {
	switch {
	case l.key != "p":
		return "a role has p lines only; groups have a field of their own"
	case l.fields[0] != role:
		return "its subject must be " + role
	case !slices.Contains(projectResources, l.fields[1]):
		return "its resource must be one of " + strings.Join(projectResources, ", ")
	case !strings.HasPrefix(l.fields[3], project+"/"):
		return "its object must begin with " + project + "/"
	}
	return ""
}

func compiles(pattern, mode string) error {
	_, err := compile(pattern, mode)
	return err
}

// compile makes a pattern's matcher. Stars of globs cross everything: "team/*" covers "team/namespace/web".
func compile(pattern, mode string) (func(string) bool, error) {
	if mode == Regex {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	g, err := glob.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return g.Match, nil
}

// matcher is what the model calls to hold a request's word against a line's pattern. The built-in lines are globs in either mode, and
// read the same as regular expressions where it matters: their stars stand alone or after a slash.
func matcher(mode string) govaluate.ExpressionFunction {
	var compiled sync.Map
	return func(args ...any) (any, error) {
		if len(args) != 2 {
			return false, fmt.Errorf("two words are compared, not %d", len(args))
		}
		text, isText := args[0].(string)
		pattern, isPattern := args[1].(string)
		if !isText || !isPattern {
			return false, fmt.Errorf("words are compared, not %T and %T", args[0], args[1])
		}
		match, ok := compiled.Load(pattern)
		if !ok {
			made, err := compile(pattern, mode)
			if err != nil { // a built-in glob that is no regular expression
				if made, err = compile(pattern, Glob); err != nil {
					return false, err
				}
			}
			match, _ = compiled.LoadOrStore(pattern, made)
		}
		return match.(func(string) bool)(text), nil
	}
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
