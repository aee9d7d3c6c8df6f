package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// spec is what a verb takes. Each verb's is in the file of its name.
type spec struct {
	verb Verb
	// targets is whether it names applications; needed is whether it must.
	targets, needed bool
	// text is whether what stands behind its first words is told in plain language, where a lone quote is no mistake.
	text bool
	// flags are the options it takes, in the order in which they are listed.
	flags []string
	// words reads the words that are no options; nil takes each for a target.
	words          func(c Command, s spec, words []string) Command
	usage, summary string
}

// specs in the order in which help lists them.
func specs() []spec {
	return []spec{diffSpec(), syncSpec(), statusSpec(), rollbackSpec(), lockSpec(), unlockSpec(), actionSpec(), overrideSpec(), previewSpec(),
		okToTestSpec(), helpSpec()}
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

// Known lists the verbs in the order of the help.
func Known() []Usage {
	var all []Usage
	for _, s := range specs() {
		all = append(all, Usage{Verb: s.verb, Syntax: s.usage, Summary: s.summary})
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
	args, err := split(w.rest)
	if err != "" && s.text {
		args, err = strings.Fields(w.rest), ""
	}
	if err != "" {
		return c.problem(err, "")
	}
	var plain []string
	for i := 0; i < len(args) && c.Problem == ""; i++ {
		if !strings.HasPrefix(args[i], "-") && !strings.HasPrefix(args[i], "—") {
			plain = append(plain, args[i])
			continue
		}
		var used int
		c, used = c.flag(s, args[i:])
		i += used
	}
	if c.Problem != "" {
		return c
	}
	if s.words != nil {
		c = s.words(c, s, plain)
	} else {
		c = c.targets(s, plain)
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

// targets reads each word as a target. One with a space in it, which only quotes make, is the reason where the verb takes one.
func (c Command) targets(s spec, words []string) Command {
	for _, word := range words {
		if c.Problem != "" {
			return c
		}
		if strings.ContainsFunc(word, isSpace) && c.Reason == "" && slices.Contains(s.flags, "--reason") {
			c.Reason = word
			continue
		}
		c = c.target(s, word)
	}
	return c
}

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
