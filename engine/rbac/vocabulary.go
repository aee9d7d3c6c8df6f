package rbac

import (
	"fmt"
	"slices"
	"strings"
)

// actions are what may be done with each resource.
var actions = map[string][]string{
	"accounts":           {"create", "get", "update"},
	"applications":       {"create", "get", "update", "delete", "action", "override", "sync", "rollback"},
	"applicationsets":    {"create", "get", "update", "delete"},
	"certificates":       {"create", "get", "update", "delete"},
	"clusters":           {"create", "get", "update", "delete"},
	"extensions":         {"invoke"},
	"gpgkeys":            {"create", "get", "delete"},
	"logs":               {"get"},
	"exec":               {"create"},
	"projects":           {"create", "get", "update", "delete"},
	"repositories":       {"create", "get", "update", "delete"},
	"write-repositories": {"create", "get", "update", "delete"},
}

// withPath are the actions on applications that go on with "/<group>/<kind>/...".
var withPath = []string{"update", "delete", "action"}

// short are other names of resources.
var short = map[string]string{
	"account": "accounts", "app": "applications", "apps": "applications", "application": "applications",
	"appset": "applicationsets", "applicationset": "applicationsets",
	"cert": "certificates", "certs": "certificates", "certificate": "certificates", "cluster": "clusters", "extension": "extensions",
	"gpgkey": "gpgkeys", "key": "gpgkeys", "log": "logs", "proj": "projects", "projs": "projects", "project": "projects",
	"repo": "repositories", "repos": "repositories", "repository": "repositories",
}

// projectScoped are the resources whose objects are "<project>/<name>".
var projectScoped = []string{"applications", "applicationsets", "logs", "exec", "clusters", "repositories"}

// Resource is the full name of a resource that may be named in short.
func Resource(name string) string {
	if full, ok := short[name]; ok {
		return full
	}
	return name
}

// Sensible says what is wrong with a request's words; nil where they name what there is.
func Sensible(resource, action string) error {
	known, ok := actions[resource]
	if !ok {
		return fmt.Errorf("%q is no resource; there are %s", resource, strings.Join(sortedKeys(actions), ", "))
	}
	verb, _, path := strings.Cut(action, "/")
	if !slices.Contains(known, verb) || path && (resource != "applications" || !slices.Contains(withPath, verb)) {
		return fmt.Errorf("%q cannot be done with %s; there are %s", action, resource, strings.Join(known, ", "))
	}
	return nil
}

// Everything is the object that stands for all of a resource where a request names none.
func Everything(resource, object string) string {
	if slices.Contains(projectScoped, resource) && (object == "" || object == "*") {
		return "*/*"
	}
	return object
}

func sortedKeys(m map[string][]string) []string {
	set := map[string]bool{}
	for k := range m {
		set[k] = true
	}
	return sorted(set)
}

// Doubts are what is probably not meant in a policy that can be read: roles that nothing is allowed to, lines that name a group which
// is given no role (they are not looked at), words that name no resource or action.
func (e *Enforcer) Doubts() []string {
	var all []string
	subjects := map[string]bool{"role:readonly": true, "role:admin": true}
	for _, l := range e.lines {
		if l.key == "p" {
			subjects[l.fields[0]] = true
		} else {
			subjects[l.fields[0]] = subjects[l.fields[0]] || subjects[l.fields[1]]
		}
	}
	for _, l := range e.lines {
		switch name := l.fields[0]; {
		case l.key == "g" && !subjects[l.fields[1]]:
			all = append(all, fmt.Sprintf("%s: nothing is said of %s", l, l.fields[1]))
		case l.key == "p" && strings.Contains(name, ":") && !isRole(name) && !e.groups[name]:
			all = append(all, fmt.Sprintf("%s: if %s is a group, this is not looked at unless a g line gives the group a role", l, name))
		}
		if l.key == "p" {
			if problem := e.strange(l); problem != "" {
				all = append(all, fmt.Sprintf("%s: %s", l, problem))
			}
		}
	}
	return all
}

// strange says which pattern of a line matches no resource or no action; it is for people's typing errors.
func (e *Enforcer) strange(l Line) string {
	resource, action := l.fields[1], l.fields[2]
	match, err := compile(resource, e.settings.MatchMode)
	if err != nil {
		return err.Error()
	}
	if do, err := compile(action, e.settings.MatchMode); err == nil {
		known, possible := false, false
		for name, verbs := range actions {
			if !match(name) {
				continue
			}
			known = true
			possible = possible || strings.Contains(action, "/") || slices.ContainsFunc(verbs, do)
		}
		switch {
		case !known:
			return fmt.Sprintf("%q is no resource; there are %s", resource, strings.Join(sortedKeys(actions), ", "))
		case !possible:
			return fmt.Sprintf("%q cannot be done with %s", action, resource)
		}
	}
	return ""
}
