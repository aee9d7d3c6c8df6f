package policy

import (
	"fmt"
	"strings"
)

// Earlier is an application of an environment that must come first.
type Earlier struct {
	Environment, Application string
	// Same is whether what is deployed there is what the command would deploy of it.
	Same bool
	// Health in the cluster's word, such as "Healthy".
	Health string
}

// after asks that what the pull request changes in the environments before this one is deployed there and healthy.
func after(in Input) (Gate, bool) {
	first := in.Environment.Requires.After
	if len(first) == 0 {
		return Gate{}, false
	}
	var late, commands []string
	named := map[string]bool{}
	for _, e := range in.Earlier {
		switch {
		case !e.Same:
			late = append(late, fmt.Sprintf("%s does not have it yet in %s", e.Application, e.Environment))
		case e.Health != "Healthy":
			late = append(late, fmt.Sprintf("%s is %s in %s", e.Application, e.Health, e.Environment))
		default:
			continue
		}
		if !named[e.Environment] {
			named[e.Environment] = true
			commands = append(commands, e.Environment)
		}
	}
	if len(in.Earlier) == 0 {
		return Gate{Name: "order", Passed: true, Value: "nothing that can be looked at changes in " + strings.Join(first, ", ")}, true
	}
	if len(late) == 0 {
		return Gate{Name: "order", Passed: true, Value: "it is deployed and healthy in " + strings.Join(first, ", ")}, true
	}
	return Gate{Name: "order", Value: strings.Join(late, "; "), Satisfy: "it is deployed and healthy in " + strings.Join(commands, ", ")}, true
}
