// Package command reads commands out of a comment on a pull request: which lines are commands, what they ask for, and what is
// wrong with those that cannot be understood.
//
// It stands at the side of the river where people speak: a comment's body goes in, Commands come out in the order they were
// written, and the bot acts on them. It decides over text alone; who may do what is bot/policy's.
package command

import (
	"strings"
	"time"
)

// Verb is what a command does.
type Verb string

// The verbs.
const (
	Diff     Verb = "diff"
	Sync     Verb = "sync"
	Status   Verb = "status"
	Rollback Verb = "rollback"
	Preview  Verb = "preview"
	Lock     Verb = "lock"
	Unlock   Verb = "unlock"
	Action   Verb = "action"
	Override Verb = "override"
	OKToTest Verb = "ok-to-test"
	Help     Verb = "help"
)

// Bounds on what a stranger may hand in.
const (
	// MaxBody is how much of a comment is read, in bytes; a longer one has no commands.
	MaxBody = 64 << 10
	// MaxCommands is how many commands a comment may hold; the rest is answered with a Problem.
	MaxCommands = 20
	// maxLine is the length of a command's line in bytes.
	maxLine = 2048
)

// TargetKind says by what a target names applications.
type TargetKind string

// The kinds. A name never falls from one to another.
const (
	Environment TargetKind = "environment"
	Application TargetKind = "app"
	Cluster     TargetKind = "cluster"
)

// Target names applications: an environment, one application, or those of a cluster.
type Target struct {
	Kind TargetKind
	Name string
}

// String is the target as it is written in a command.
func (t Target) String() string {
	if t.Kind == Environment {
		return t.Name
	}
	return string(t.Kind) + ":" + t.Name
}

// Resource limits a sync to one object.
type Resource struct {
	Group, Kind, Namespace, Name string
}

// String is the resource as it is written after --resource.
func (r Resource) String() string {
	name := r.Name
	if r.Namespace != "" {
		name = r.Namespace + "/" + name
	}
	return r.Group + ":" + r.Kind + ":" + name
}

// Command is one line that asks for something.
type Command struct {
	// Index is the command's place in its comment, from 0.
	Index int
	// Text is the line as it was written, without the space around it.
	Text    string
	Verb    Verb
	Targets []Target
	// Prune, DryRun, Now, Force, Replace, Release and Wait are the options of these names.
	Prune, DryRun, Now, Force, Replace, Release, Wait bool
	Resources                                         []Resource
	Reason                                            string
	// Override names the freeze that is not to hold the command up.
	Override string
	// Name is the action's, the guard's, or what is to become of a preview: PreviewStart, PreviewStop or PreviewExtend.
	Name string
	// Object is what an action is about. Its kind is as it was written: "deploy" as well as "Deployment".
	Object Resource
	Params map[string]string
	// To is the revision to go back to; empty for the one before.
	To string
	// For is how long a lock or a preview is to last; 0 when that was not said.
	For time.Duration
	// Problem says why the line cannot be carried out as it stands; empty when it can. Hint says what to write instead, or is empty.
	Problem, Hint string
}

// Syntax is the command in its plain form, without a mention or prefix: "/sync staging --prune".
func (c Command) Syntax() string {
	parts := []string{"/" + string(c.Verb)}
	for _, t := range c.Targets {
		parts = append(parts, t.String())
	}
	if c.Prune {
		parts = append(parts, "--prune")
	}
	return strings.Join(parts, " ")
}

// Options of Parse.
type Options struct {
	// Mentions are the names that address us, without "@": "slipway" in "@slipway sync". Case does not matter.
	Mentions []string
}

// Parse finds the commands in the body of a comment, in their order. It sees the comment as it is shown: what is quoted, in code,
// folded away or hidden is not a command. Lines that only look like paths or other bots' commands are left alone; a line that is
// almost a command, or is addressed to us, comes back with a Problem.
func Parse(body string, o Options) []Command {
	if len(body) > MaxBody {
		return nil
	}
	var commands []Command
	for _, line := range spoken(body) {
		words, ok := addressed(line, o.Mentions)
		if !ok {
			continue
		}
		c := interpret(words)
		c.Index, c.Text = len(commands), line
		if len(commands) == MaxCommands {
			c = Command{Index: c.Index, Text: line, Problem: "a comment may hold at most 20 commands; this one and those after it are left out"}
			return append(commands, c)
		}
		commands = append(commands, c)
	}
	return commands
}

// words of a command: the verb, and the rest of the line.
type words struct {
	verb string
	rest string
	// sure is whether the line is addressed to us by name, so that an unknown verb deserves an answer.
	sure bool
}

// addressed says whether a line is a command: "/verb ...", "/slipway verb ..." or "@mention verb ...".
func addressed(line string, mentions []string) (words, bool) {
	first, rest := cut(line)
	if name, ok := strings.CutPrefix(first, "@"); ok {
		name = strings.TrimSuffix(strings.TrimSuffix(name, ":"), "[bot]")
		for _, m := range mentions {
			if strings.EqualFold(name, m) {
				verb, rest := cut(rest)
				return words{verb: strings.TrimPrefix(verb, "/"), rest: rest, sure: true}, verb != ""
			}
		}
		return words{}, false
	}
	verb, ok := strings.CutPrefix(first, "/")
	if !ok || verb == "" {
		return words{}, false
	}
	if strings.EqualFold(verb, "slipway") {
		verb, rest := cut(rest)
		return words{verb: strings.TrimPrefix(verb, "/"), rest: rest, sure: true}, true
	}
	w := words{verb: verb, rest: rest}
	_, known := lookup(verb)
	return w, known || nearest(verb, verbs()) != ""
}

// cut takes the first word off a line.
func cut(line string) (first, rest string) {
	line = strings.TrimSpace(line)
	i := strings.IndexFunc(line, isSpace)
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.TrimSpace(line[i:])
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\u00a0' }
