package command

import (
	"fmt"
	"strings"
)

func overrideSpec() spec {
	return spec{verb: Override, text: true, words: overrideWords, flags: []string{optReason, optDryRun},
		usage:   "/override NAME REASON",
		summary: "lets the guard of a name pass for this head; those whom the policy names may"}
}

// overrideWords reads the guard's name, and the rest of the line as the reason.
func overrideWords(c Command, s spec, words []string) Command {
	if len(words) == 0 {
		return c.problem("/override needs the name of a guard", s.usage)
	}
	if c.Name = words[0]; !name.MatchString(c.Name) {
		return c.problem(fmt.Sprintf("%q is no name of a guard", clip(c.Name)), s.usage)
	}
	if c.Reason == "" {
		c.Reason = strings.Join(words[1:], " ")
	} else if len(words) > 1 {
		return c.problem(fmt.Sprintf("/override takes no %q beside --reason", clip(words[1])), s.usage)
	}
	if strings.TrimSpace(c.Reason) == "" {
		return c.problem("/override needs a reason", s.usage)
	}
	return c
}
