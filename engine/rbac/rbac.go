// Package rbac says what Argo CD's policy.csv, and the roles of AppProjects, let somebody do.
//
// It decides over values: engine/settings reads argocd-rbac-cm, whoever acts for people (the bot for forge accounts, the pages for
// those who signed in) asks an Enforcer, and `slipway rbac` does on a laptop. The model, the built-in roles and the order in which
// subjects are asked are Argo CD's, with its surprises: what policy.default allows nothing can deny, and a denial of one group does
// not undo what another group allows.
package rbac

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Match modes of a policy's patterns.
const (
	Glob  = "glob"
	Regex = "regex"
)

// Settings are what an installation says of rights.
type Settings struct {
	// Policy is policy.csv with its overlays.
	Policy string
	// Default is the role of everybody; empty is none.
	Default string
	// MatchMode is Glob or Regex; anything else is Glob.
	MatchMode string
	// Scopes are the claims that name somebody's groups when they sign in; empty means "groups".
	Scopes []string
	// Accounts are the names of local accounts beside "admin": nobody else goes by them.
	Accounts []string
	// NoBuiltin leaves the built-in roles out.
	NoBuiltin bool
}

// Request asks whether somebody may do something.
type Request struct {
	// Subject is the user, a role, or "proj:<project>:<role>". Groups are those that the user is in.
	Subject string
	Groups  []string
	// Resource is such as "applications", Action such as "sync", Object such as "team/web".
	Resource, Action, Object string
}

// Verdict is the answer.
type Verdict struct {
	Allowed bool
	// By is the subject or group that decided; "" if nothing allows and nothing denies.
	By string
	// Rule is the line that decided, such as "p, role:admin, applications, sync, */*, allow"; "" if there was none.
	Rule string
}

// String says it for people.
func (v Verdict) String() string {
	switch {
	case v.Rule == "":
		return "no line allows it"
	case v.Allowed:
		return fmt.Sprintf("%s: %s", v.By, v.Rule)
	}
	return fmt.Sprintf("denied to %s: %s", v.By, v.Rule)
}

// Enforcer answers requests by one policy. It does not change, and is safe for concurrent use.
type Enforcer struct {
	settings Settings
	lines    []Line // the installation's own, without the built-in ones
	project  []Line // of the project that it was made for

	mu     sync.Mutex
	casbin *casbin.Enforcer
	groups map[string]bool // members of g lines: only these are asked as groups
}

//go:embed model.conf
var modelText string

//go:embed builtin.csv
var builtin string

// New reads a policy. The error names the line that cannot be read.
func New(s Settings) (*Enforcer, error) {
	if s.MatchMode != Regex {
		s.MatchMode = Glob
	}
	lines, err := parse(s.Policy, s.MatchMode)
	if err != nil {
		return nil, err
	}
	return build(s, lines, nil)
}

// With is the policy with the roles of a project, for requests about what belongs to it. Beside an error, which names the role and
// line, it is the policy without them: a project whose roles cannot be read gives nobody anything.
func (e *Enforcer) With(proj *argo.AppProject) (*Enforcer, error) {
	lines, err := roleLines(proj, e.settings.MatchMode)
	if err != nil {
		return e, err
	}
	if len(lines) == 0 {
		return e, nil
	}
	return build(e.settings, e.lines, lines)
}

func build(s Settings, own, project []Line) (*Enforcer, error) {
	all := slices.Concat(own, project)
	if !s.NoBuiltin {
		standard, err := parse(builtin, Glob)
		if err != nil {
			return nil, fmt.Errorf("reading the built-in policy: %w", err)
		}
		all = slices.Concat(standard, all)
	}
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("reading the model: %w", err)
	}
	e := &Enforcer{settings: s, lines: own, project: project, groups: map[string]bool{}}
	for _, l := range all {
		if l.key == "g" {
			e.groups[l.fields[0]] = true
		}
		if err := m.AddPolicy(l.key, l.key, l.fields); err != nil {
			return nil, fmt.Errorf("%s: %w", l, err)
		}
	}
	// Casbin takes its adapter's word when it is built; without one the model stands as it is.
	if e.casbin, err = casbin.NewEnforcer(m); err != nil {
		return nil, fmt.Errorf("building the policy: %w", err)
	}
	e.casbin.AddFunction("globOrRegexMatch", matcher(s.MatchMode))
	if err := e.casbin.BuildRoleLinks(); err != nil {
		return nil, fmt.Errorf("following the roles: %w", err)
	}
	return e, nil
}

// Ask answers a request: by the default role, then the subject, then each of the groups that the policy gives a role. The first
// that allows decides; else the first that is denied is named.
func (e *Enforcer) Ask(r Request) Verdict {
	var denied Verdict
	subjects := append([]string{e.settings.Default, r.Subject}, r.Groups...)
	for i, subject := range subjects {
		if subject == "" || i > 1 && !e.groups[subject] {
			continue
		}
		v := e.ask(subject, r)
		if v.Allowed {
			return v
		}
		if denied.Rule == "" {
			denied = v
		}
	}
	return denied
}

func (e *Enforcer) ask(subject string, r Request) Verdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	ok, rule, err := e.casbin.EnforceEx(subject, r.Resource, r.Action, r.Object)
	if err != nil || len(rule) == 0 {
		return Verdict{}
	}
	return Verdict{Allowed: ok, By: subject, Rule: "p, " + strings.Join(rule, ", ")}
}

// Names are those of people and groups that the installation's lines and the project's roles speak of, each once and in order: not
// roles, and not local accounts.
func (e *Enforcer) Names() []string {
	roles, found := map[string]bool{}, map[string]bool{}
	lines := slices.Concat(e.lines, e.project)
	for _, l := range lines {
		if l.key == "g" {
			roles[l.fields[1]] = true
		}
	}
	for _, l := range lines {
		name := l.fields[0]
		if !roles[name] && !isRole(name) && !e.Local(name) {
			found[name] = true
		}
	}
	return sorted(found)
}

// Local reports whether a name is a local account's, which nobody has by being called the same elsewhere.
func (e *Enforcer) Local(name string) bool {
	return strings.EqualFold(name, "admin") ||
		slices.ContainsFunc(e.settings.Accounts, func(a string) bool { return strings.EqualFold(a, name) })
}

// Grouped reports whether a name is given a role, without which it is not asked as a group.
func (e *Enforcer) Grouped(name string) bool { return e.groups[name] }

func isRole(name string) bool {
	return strings.HasPrefix(name, "role:") || strings.HasPrefix(name, "proj:")
}

// Object is how an application is named in a request: with its namespace where that is not the control namespace.
func Object(app *argo.Application, control string) string {
	if app.Namespace == "" || app.Namespace == control {
		return app.Spec.ProjectName() + "/" + app.Name
	}
	return app.Spec.ProjectName() + "/" + app.Namespace + "/" + app.Name
}
