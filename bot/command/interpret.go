package command

import (
	"fmt"
	"regexp"
	"strings"
)

// spec is what a verb takes. Each verb's is in the file of its name.
type spec struct {
	verb Verb
	// built is whether this version carries the verb out.
	built bool
	// targets is whether it names applications; needed is whether it must.
	targets, needed bool
	prune, dryRun   bool
	now, resources  bool
	reason          bool
	override        bool
	usage, summary  string
}

// specs in the order in which help lists them.
func specs() []spec {
	return []spec{diffSpec(), syncSpec(), statusSpec(), unlockSpec(), lockSpec(), okToTestSpec(), helpSpec(),
		rollbackSpec(), previewSpec(), actionSpec(), overrideSpec()}
}

func lookup(verb string) (spec, bool) {
	for _, s := range specs() {
		if strings.EqualFold(string(s.verb), verb) {
			return s, true
		}
	}
	return spec{}, false
}

func verbs() []string {
	var names []string
	for _, s := range specs() {
		names = append(names, string(s.verb))
	}
	return names
}

// Usage is how a verb is written and what it does, in a line.
type Usage struct {
	Verb    Verb
	Syntax  string // "/sync ENV|app:NAME|cluster:NAME [--prune]"
	Summary string
}

// Known lists the verbs that this version carries out, in the order of the help.
func Known() []Usage {
	var all []Usage
	for _, s := range specs() {
		if s.built {
			all = append(all, Usage{Verb: s.verb, Syntax: s.usage, Summary: s.summary})
		}
	}
	return all
}

// interpret reads verb and arguments. What cannot be understood is a Problem.
func interpret(w words) Command {
	s, ok := lookup(w.verb)
	if !ok {
		return unknown(w)
	}
	c := Command{Verb: s.verb}
	if !s.built {
		return c.problem(fmt.Sprintf("this version does not know /%s", s.verb), "/help lists what it knows")
	}
	args, err := split(w.rest)
	if err != "" {
		return c.problem(err, "")
	}
	for i := 0; i < len(args) && c.Problem == ""; i++ {
		if !strings.HasPrefix(args[i], "-") && !strings.HasPrefix(args[i], "—") {
			c = c.target(s, args[i])
			continue
		}
		var used int
		c, used = c.flag(s, args[i:])
		i += used
	}
	if c.Problem == "" && s.needed && len(c.Targets) == 0 {
		return c.problem(fmt.Sprintf("/%s needs an environment, app:NAME or cluster:NAME", s.verb), s.usage)
	}
	return c
}

func unknown(w words) Command {
	if w.verb == "" {
		return Command{}.problem("no command was named", "/slipway help lists them")
	}
	near := nearest(w.verb, verbs())
	if near == "" {
		return Command{}.problem(fmt.Sprintf("there is no command %q", clip(w.verb)), "/help lists them")
	}
	return Command{}.problem(fmt.Sprintf("there is no command /%s", clip(w.verb)), "did you mean /"+strings.TrimSpace(near+" "+clip(w.rest))+"?")
}

func (c Command) problem(problem, hint string) Command {
	c.Problem, c.Hint = problem, hint
	return c
}

// name is what an environment, application or cluster may be called: a label's value or an object's name, with its namespace before
// a slash. The address of a cluster's API may stand after "cluster:".
var (
	name    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?(/[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)?$`)
	address = regexp.MustCompile(`^https://[A-Za-z0-9.\[\]:_/-]{1,253}$`)
)

func (c Command) target(s spec, word string) Command {
	if !s.targets {
		return c.problem(fmt.Sprintf("/%s takes no %q", s.verb, clip(word)), s.usage)
	}
	t := Target{Kind: Environment, Name: word}
	for _, kind := range []TargetKind{Application, Cluster} {
		if rest, ok := strings.CutPrefix(word, string(kind)+":"); ok {
			t = Target{Kind: kind, Name: rest}
		}
	}
	valid := name.MatchString(t.Name) || t.Kind == Cluster && address.MatchString(t.Name)
	if t.Kind == Environment && strings.Contains(t.Name, "/") {
		valid = false
	}
	if !valid {
		return c.problem(fmt.Sprintf("%q is no name of an environment, nor app:NAME or cluster:NAME", clip(word)), s.usage)
	}
	for _, have := range c.Targets {
		if have == t {
			return c
		}
	}
	c.Targets = append(c.Targets, t)
	return c
}

// flag reads the flag at the start of args, and says how many further words it used.
func (c Command) flag(s spec, args []string) (Command, int) {
	key, value, inline := strings.Cut(strings.Replace(args[0], "—", "--", 1), "=") // phones turn two hyphens into a dash
	allowed := map[string]bool{"--prune": s.prune, "--dry-run": s.dryRun, "--now": s.now, "--resource": s.resources, "--reason": s.reason,
		"--override": s.override}
	if !allowed[key] {
		return c.unknownFlag(s, key, allowed), 0
	}
	switch key {
	case "--prune", "--dry-run", "--now":
		return c.set(key, value, inline), 0
	}
	used := 0
	if !inline {
		if len(args) < 2 {
			return c.problem(key+" needs a value", s.usage), 0
		}
		value, used = args[1], 1
	}
	switch key {
	case "--reason":
		c.Reason = value
		return c, used
	case "--override":
		if !name.MatchString(value) {
			return c.problem(fmt.Sprintf("%q is no name of a freeze", clip(value)), s.usage), used
		}
		c.Override = value
		return c, used
	}
	return c.resource(value), used
}

func (c Command) unknownFlag(s spec, key string, allowed map[string]bool) Command {
	var names []string
	for _, flag := range []string{"--prune", "--dry-run", "--now", "--resource", "--reason", "--override"} {
		if allowed[flag] {
			names = append(names, flag)
		}
	}
	hint := s.usage
	if near := nearest(key, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return c.problem(fmt.Sprintf("/%s has no option %s", s.verb, clip(key)), hint)
}

func (c Command) set(key, value string, inline bool) Command {
	on := true
	if inline {
		switch strings.ToLower(value) {
		case "true":
		case "false":
			on = false
		default:
			return c.problem(fmt.Sprintf("%s takes no value, or true or false", key), "")
		}
	}
	switch key {
	case "--prune":
		c.Prune = on
	case "--dry-run":
		c.DryRun = on
	case "--now":
		c.Now = on
	}
	return c
}

var kind = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)

func (c Command) resource(value string) Command {
	parts := strings.SplitN(value, ":", 3)
	bad := c.problem(fmt.Sprintf("%q is no resource", clip(value)), "write --resource group:kind:name, such as apps:Deployment:web, :Service:web or :Service:namespace/web")
	if len(parts) != 3 {
		return bad
	}
	r := Resource{Group: parts[0], Kind: parts[1], Name: parts[2]}
	if ns, n, ok := strings.Cut(r.Name, "/"); ok {
		r.Namespace, r.Name = ns, n
	}
	group := r.Group == "" || name.MatchString(r.Group) && !strings.Contains(r.Group, "/")
	if !group || !kind.MatchString(r.Kind) || !objectName.MatchString(r.Name) || r.Namespace != "" && !objectName.MatchString(r.Namespace) {
		return bad
	}
	c.Resources = append(c.Resources, r)
	return c
}

// objectName is what the API server takes for a name of any kind; some (RBAC) allow colons.
var objectName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$`)
