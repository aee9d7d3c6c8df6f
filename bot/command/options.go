package command

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The options. Each verb's spec lists those that it takes.
const (
	optPrune    = "--prune"
	optDryRun   = "--dry-run"
	optNow      = "--now"
	optForce    = "--force"
	optReplace  = "--replace"
	optRelease  = "--release"
	optWait     = "--wait"
	optReason   = "--reason"
	optOverride = "--override"
	optResource = "--resource"
	optTo       = "--to"
	optFor      = "--for"
	optParam    = "--param"
)

// switchOf is the field of an option that takes no value; nil for the others.
func (c *Command) switchOf(option string) *bool {
	return map[string]*bool{optPrune: &c.Prune, optDryRun: &c.DryRun, optNow: &c.Now, optForce: &c.Force, optReplace: &c.Replace,
		optRelease: &c.Release, optWait: &c.Wait}[option]
}

// flag reads the flag at the start of args, and says how many further words it used.
func (c Command) flag(s spec, args []string) (Command, int) {
	key, value, inline := strings.Cut(strings.Replace(args[0], "—", "--", 1), "=") // phones turn two hyphens into a dash
	if !slices.Contains(s.flags, key) {
		return c.unknownFlag(s, key), 0
	}
	if on := c.switchOf(key); on != nil {
		var problem string
		if *on, problem = switched(key, value, inline); problem != "" {
			return c.problem(problem, ""), 0
		}
		return c, 0
	}
	used := 0
	if !inline {
		if len(args) < 2 {
			return c.problem(key+" needs a value", s.usage), 0
		}
		value, used = args[1], 1
	}
	return c.valued(s, key, value), used
}

// valued takes the value of an option.
func (c Command) valued(s spec, key, value string) Command {
	switch key {
	case optReason:
		c.Reason = value
	case optOverride:
		if !name.MatchString(value) {
			return c.problem(fmt.Sprintf("%q is no name of a freeze", clip(value)), s.usage)
		}
		c.Override = value
	case optTo:
		if !revision.MatchString(value) {
			return c.problem(fmt.Sprintf("%q is no revision", clip(value)), "write a commit of 7 to 40 digits, a tag or a chart's version")
		}
		c.To = value
	case optFor:
		c.For = span(value)
		if c.For == 0 {
			return c.problem(fmt.Sprintf("%q is no time between 1m and %dh", clip(value), int(longest.Hours())), "write "+optFor+" 4h, 90m or 2d")
		}
	case optParam:
		k, v, ok := strings.Cut(value, "=")
		if !ok || !name.MatchString(k) {
			return c.problem(fmt.Sprintf("%q is no parameter", clip(value)), "write --param name=value")
		}
		if c.Params == nil {
			c.Params = map[string]string{}
		}
		c.Params[k] = v
	case optResource:
		return c.resource(value)
	}
	return c
}

// longest is the longest time that a command may name.
const longest = 30 * 24 * time.Hour

var days = regexp.MustCompile(`^([0-9]{1,2})d$`)

// span reads a time such as 4h, 90m or 2d; 0 when it is none, or out of bounds.
func span(word string) time.Duration {
	if m := days.FindStringSubmatch(word); m != nil {
		n, _ := strconv.Atoi(m[1]) // two digits
		word = strconv.Itoa(24*n) + "h"
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < time.Minute || d > longest {
		return 0
	}
	return d
}

// revision is a commit, a tag, a branch or a version.
var revision = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+-]{0,127}$`)

func (c Command) unknownFlag(s spec, key string) Command {
	hint := s.usage
	if near := nearest(key, s.flags); near != "" {
		hint = "did you mean " + near + "?"
	}
	return c.problem(fmt.Sprintf("/%s has no option %s", s.verb, clip(key)), hint)
}

// switched reads the value of an option that needs none; the second result says what is wrong with it, or is empty.
func switched(key, value string, inline bool) (on bool, problem string) {
	if !inline {
		return true, ""
	}
	switch strings.ToLower(value) {
	case "true":
		return true, ""
	case "false":
		return false, ""
	}
	return false, fmt.Sprintf("%s takes no value, or true or false", key)
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
