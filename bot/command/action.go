package command

import (
	"fmt"
	"strings"
)

func actionSpec() spec {
	return spec{verb: Action, targets: true, words: actionWords, flags: []string{optParam, optDryRun, optOverride, optReason},
		usage:   "/action [NAME] KIND/[NAMESPACE/]NAME [ENV|app:NAME|cluster:NAME] [--param name=value] [--dry-run] [--override FREEZE] [--reason \"...\"]",
		summary: "runs an action on an object, such as `restart deploy/web`; without a name it lists what the object offers"}
}

// actionWords reads "restart deploy/web app:web-dev": the word with a slash is the object, the one before it the action, and those behind
// it say in which applications the object is looked for.
func actionWords(c Command, s spec, words []string) Command {
	at := -1
	for i, w := range words {
		if strings.Contains(w, "/") && !strings.Contains(w, ":") {
			at = i
			break
		}
	}
	if at < 0 || at > 1 {
		return c.problem("/action needs an object, as KIND/NAME", s.usage)
	}
	if at == 1 {
		if c.Name = words[0]; !name.MatchString(c.Name) {
			return c.problem(fmt.Sprintf("%q is no name of an action", clip(c.Name)), s.usage)
		}
	}
	object, ok := objectOf(words[at])
	if !ok {
		return c.problem(fmt.Sprintf("%q is no object", clip(words[at])), "write KIND/NAME or KIND/NAMESPACE/NAME, such as deploy/web")
	}
	c.Object = object
	return c.targets(s, words[at+1:])
}

// objectOf reads KIND/NAME or KIND/NAMESPACE/NAME, where the kind may carry its group: rollout.argoproj.io/web.
func objectOf(word string) (Resource, bool) {
	parts := strings.Split(word, "/")
	r := Resource{Kind: parts[0], Name: parts[len(parts)-1]}
	r.Kind, r.Group, _ = strings.Cut(r.Kind, ".")
	if len(parts) == 3 {
		r.Namespace = parts[1]
	}
	valid := len(parts) <= 3 && kind.MatchString(r.Kind) && objectName.MatchString(r.Name) &&
		(r.Group == "" || name.MatchString(r.Group)) && (r.Namespace == "" && len(parts) == 2 || objectName.MatchString(r.Namespace))
	return r, valid
}
