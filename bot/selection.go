package bot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// pick leaves those applications in an intent that have some of the objects that a command selects. One that none of them has is refused: most
// often it is misspelt.
func (in *intent) pick(selected []command.Resource) {
	if len(selected) == 0 || slices.ContainsFunc(in.apps, func(a aim) bool { return a.broken != "" }) {
		return // what cannot be rendered is refused for that
	}
	for _, r := range selected {
		if !slices.ContainsFunc(in.apps, func(a aim) bool { return a.holds(r) }) && len(in.apps) > 0 {
			in.refusal = fmt.Sprintf("%q is none of the objects of %s. %s", r, in.named(), in.offered(r))
			return
		}
	}
	in.apps = slices.DeleteFunc(in.apps, func(a aim) bool {
		return !slices.ContainsFunc(selected, a.holds)
	})
}

// holds says whether an application wants an object, or has one that it no longer wants.
func (a aim) holds(r command.Resource) bool {
	return slices.ContainsFunc(a.objects, func(id object.ID) bool { return meant(r, id.Group, id.Kind, id.Namespace, id.Name) }) ||
		slices.ContainsFunc(a.app.Status.Resources, func(s argo.ResourceStatus) bool { return meant(r, s.Group, s.Kind, s.Namespace, s.Name) })
}

// meant says whether a selection is of an object. One without a namespace is of that name in each.
func meant(r command.Resource, group, kind, namespace, name string) bool {
	return r.Group == group && r.Kind == kind && r.Name == name && (r.Namespace == "" || r.Namespace == namespace)
}

func (in *intent) named() string {
	var names []string
	for _, a := range in.apps {
		names = append(names, a.app.Name)
	}
	return clip(strings.Join(names, ", "), 200)
}

// offered says what could have been selected: objects of that kind or name first.
func (in *intent) offered(r command.Resource) string {
	var like, rest []string
	for _, a := range in.apps {
		for _, id := range a.objects {
			word := command.Resource{Group: id.Group, Kind: id.Kind, Name: id.Name}.String()
			if strings.EqualFold(id.Kind, r.Kind) || strings.EqualFold(id.Name, r.Name) {
				like = append(like, word)
			} else {
				rest = append(rest, word)
			}
		}
	}
	if len(like) == 0 {
		like = rest
	}
	if len(like) == 0 {
		return "There are none."
	}
	slices.Sort(like)
	return "There are: " + clip(strings.Join(slices.Compact(like), ", "), 1000) + "."
}
