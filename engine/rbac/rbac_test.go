package rbac_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/rbac"
)

func newEnforcer(t *testing.T, s rbac.Settings) *rbac.Enforcer {
	t.Helper()
	e, err := rbac.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAsk(t *testing.T) {
	const policy = `
# who deploys
p, role:deployer, applications, sync, prod/*, allow
p, role:deployer, applications, action/apps/Deployment/*, */*, allow
p, role:frozen, applications, sync, prod/bank, deny
p, role:frozen, applications, get, */*, allow
g, acme:platform, role:deployer
g, acme:bank, role:frozen
g, "Team, Quoted", role:deployer
p, alice, applications, sync, dev/*, allow
p, acme:direct, applications, sync, dev/*, allow
g, carol, role:deployer
g, carol, role:frozen
`
	e := newEnforcer(t, rbac.Settings{Policy: policy})
	sync := func(object string) rbac.Request {
		return rbac.Request{Resource: "applications", Action: "sync", Object: object}
	}
	as := func(r rbac.Request, subject string, groups ...string) rbac.Request {
		r.Subject, r.Groups = subject, groups
		return r
	}
	for name, c := range map[string]struct {
		r    rbac.Request
		want bool
		by   string
	}{
		"a group's role":                       {as(sync("prod/web"), "bob", "acme:platform"), true, "acme:platform"},
		"stars cross namespaces":               {as(sync("prod/team/web"), "bob", "acme:platform"), true, "acme:platform"},
		"another project":                      {as(sync("dev/web"), "bob", "acme:platform"), false, ""},
		"a user's own line":                    {as(sync("dev/web"), "alice"), true, "alice"},
		"nobody":                               {as(sync("dev/web"), "bob"), false, ""},
		"a name in quotes":                     {as(sync("prod/web"), "bob", "Team, Quoted"), true, "Team, Quoted"},
		"a group without a role is not asked":  {as(sync("dev/web"), "bob", "acme:direct"), false, ""},
		"but as a subject it is":               {as(sync("dev/web"), "acme:direct"), true, "acme:direct"},
		"a denial within one subject's roles":  {as(sync("prod/bank"), "carol"), false, "carol"},
		"a denial of one group leaves another": {as(sync("prod/bank"), "bob", "acme:bank", "acme:platform"), true, "acme:platform"},
		"the built-in admin role":              {as(sync("any/app"), "role:admin"), true, "role:admin"},
		"the built-in reader may not sync":     {as(sync("any/app"), "role:readonly"), false, ""},
		"admin inherits reading":               {rbac.Request{Subject: "role:admin", Resource: "logs", Action: "get", Object: "a/b"}, true, "role:admin"},
		"an action on a kind": {rbac.Request{Subject: "role:deployer", Resource: "applications", Action: "action/apps/Deployment/restart",
			Object: "x/y"}, true, "role:deployer"},
		"an action on another kind": {rbac.Request{Subject: "role:deployer", Resource: "applications", Action: "action/apps/StatefulSet/restart",
			Object: "x/y"}, false, ""},
		"no subject at all":                  {sync("prod/web"), false, ""},
		"a subject that looks like a policy": {as(sync("prod/web"), "x, role:admin"), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := e.Ask(c.r)
			if v.Allowed != c.want || v.By != c.by {
				t.Errorf("%+v: allowed %v by %q (%s), want %v by %q", c.r, v.Allowed, v.By, v, c.want, c.by)
			}
		})
	}
}

func TestTheDefaultRoleCannotBeDenied(t *testing.T) {
	e := newEnforcer(t, rbac.Settings{Default: "role:readonly", Policy: "p, mallory, applications, get, */*, deny"})
	if v := e.Ask(rbac.Request{Subject: "mallory", Resource: "applications", Action: "get", Object: "a/b"}); !v.Allowed {
		t.Errorf("denied: %s", v)
	}
}

func TestADenialIsNamed(t *testing.T) {
	e := newEnforcer(t, rbac.Settings{Policy: "p, role:d, applications, *, */*, allow\np, mallory, applications, sync, prod/*, deny\ng, mallory, role:d"})
	got := e.Ask(rbac.Request{Subject: "mallory", Resource: "applications", Action: "sync", Object: "prod/web"}).String()
	if want := "denied to mallory: p, mallory, applications, sync, prod/*, deny"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRegularExpressions(t *testing.T) {
	e := newEnforcer(t, rbac.Settings{MatchMode: "regex", Policy: `p, role:d, applications, ^(sync|get)$, ^prod/.+$, allow` + "\ng, alice, role:d\ng, root, role:admin"})
	for object, want := range map[string]bool{"prod/web": true, "prod/": false, "nonprod/web": false} {
		if v := e.Ask(rbac.Request{Subject: "alice", Resource: "applications", Action: "sync", Object: object}); v.Allowed != want {
			t.Errorf("%s: %v, want %v", object, v.Allowed, want)
		}
	}
	if v := e.Ask(rbac.Request{Subject: "root", Resource: "applications", Action: "sync", Object: "a/b"}); !v.Allowed {
		t.Error("the built-in roles hold in this mode too")
	}
}

func TestProjectRoles(t *testing.T) {
	e := newEnforcer(t, rbac.Settings{Policy: "p, proj:shop:frozen, applications, delete, shop/*, deny"})
	proj := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	proj.Spec.Roles = []argo.ProjectRole{{Name: "deployer", Groups: []string{"acme:shop"},
		Policies: []string{"p, proj:shop:deployer, applications, sync, shop/*, allow"}}}
	of, err := e.With(proj)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(e *rbac.Enforcer, subject, resource, action, object string, groups ...string) bool {
		return e.Ask(rbac.Request{Subject: subject, Groups: groups, Resource: resource, Action: action, Object: object}).Allowed
	}
	switch {
	case !ask(of, "alice", "applications", "sync", "shop/web", "acme:shop"):
		t.Error("the group has its role")
	case !ask(of, "proj:shop:deployer", "projects", "get", "shop"):
		t.Error("a role may look at its project")
	case ask(e, "alice", "applications", "sync", "shop/web", "acme:shop"):
		t.Error("the role holds without its project")
	case ask(of, "alice", "applications", "sync", "bank/web", "acme:shop"):
		t.Error("the role reaches another project")
	}
	if diff := cmp.Diff([]string{"acme:shop"}, of.Names()); diff != "" {
		t.Error(diff)
	}
}

// What a project's role may not say makes it give nothing, above all not more than its project.
func TestAProjectsRolesStayInTheirProject(t *testing.T) {
	for name, role := range map[string]argo.ProjectRole{
		"another project's object": {Name: "r", Policies: []string{"p, proj:shop:r, applications, sync, bank/*, allow"}},
		"everything":               {Name: "r", Policies: []string{"p, proj:shop:r, applications, sync, */*, allow"}},
		"another subject":          {Name: "r", Policies: []string{"p, role:readonly, applications, sync, shop/*, allow"}},
		"a grant of admin":         {Name: "r", Policies: []string{"g, mallory, role:admin"}},
		"a resource of all":        {Name: "r", Policies: []string{"p, proj:shop:r, accounts, update, shop/*, allow"}},
		"a group with a line":      {Name: "r", Groups: []string{"x, role:admin\ng, mallory"}},
		"a name with a colon":      {Name: "x:y"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnforcer(t, rbac.Settings{})
			proj := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
			proj.Spec.Roles = []argo.ProjectRole{role}
			of, err := e.With(proj)
			if err == nil {
				t.Fatal("taken")
			}
			if !strings.Contains(err.Error(), "project shop") {
				t.Errorf("%v does not name the project", err)
			}
			if of != e {
				t.Error("something of it holds")
			}
		})
	}
}

func TestFaultsNameTheirLine(t *testing.T) {
	for policy, want := range map[string]string{
		"p, a, applications, sync, allow":                        "line 1: a p line has six parts",
		"\n# x\ng, a":                                            "line 3: a g line has three parts",
		"q, a, b":                                                "line 1: a line begins with p or g",
		"p, a, applications, sync, x/*, maybe":                   "ends with allow or deny",
		"p, a, applications, sync, [x/*, allow":                  `"[x/*" is no glob`,
		"p, , applications, sync, x/*, allow":                    "a part of it is empty",
		`p, "a, applications, sync, x/*, allow`:                  "comma-separated",
		"p, a, applications, sync, x/*, allow\npolicy, a, b, c,": "line 2",
	} {
		_, err := rbac.New(rbac.Settings{Policy: policy})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", policy, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	e := newEnforcer(t, rbac.Settings{Accounts: []string{"ci"}, Policy: `
g, acme:platform, deployers
p, deployers, applications, sync, */*, allow
p, github:alice, applications, sync, */*, allow
p, ci, applications, sync, */*, allow
g, admin, role:admin
g, bob@example.com, role:readonly
p, proj:shop:x, applications, get, shop/*, allow
`})
	if diff := cmp.Diff([]string{"acme:platform", "bob@example.com", "github:alice"}, e.Names()); diff != "" {
		t.Error(diff)
	}
	if !e.Local("Admin") || !e.Local("ci") || e.Local("alice") {
		t.Error("local accounts are told apart wrongly")
	}
}

func TestDoubts(t *testing.T) {
	e := newEnforcer(t, rbac.Settings{Policy: `
g, acme:platform, role:nothing
p, acme:direct, applications, sync, */*, allow
p, role:x, application, sync, */*, allow
p, role:x, applications, synk, */*, allow
p, role:x, applications, action/*, */*, allow
p, role:x, *, get, *, allow
g, acme:ops, role:admin
`})
	got := strings.Join(e.Doubts(), "\n")
	for _, want := range []string{"nothing is said of role:nothing", "acme:direct is a group", `"application" is no resource`, `"synk" cannot be done`} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, got)
		}
	}
	if n := len(e.Doubts()); n != 4 {
		t.Errorf("%d doubts:\n%s", n, got)
	}
}

func TestSensible(t *testing.T) {
	for request, ok := range map[[2]string]bool{
		{"applications", "sync"}: true, {"applications", "action/apps/Deployment/restart"}: true, {"applications", "delete/*/Pod/*/*"}: true,
		{"applications", "sync/x"}: false, {"apps", "sync"}: false, {"logs", "create"}: false, {"clusters", "update/x"}: false,
	} {
		if err := rbac.Sensible(request[0], request[1]); (err == nil) != ok {
			t.Errorf("%v: %v", request, err)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("p, role:x, applications, sync, */*, allow\ng, a, role:x", "a", "prod/web")
	f.Add("g, a, b\ng, b, a", "a", "x")
	f.Add(`p, "a", [, {, \, deny`, "a", "x")
	f.Fuzz(func(t *testing.T, policy, subject, object string) {
		for _, mode := range []string{rbac.Glob, rbac.Regex} {
			e, err := rbac.New(rbac.Settings{Policy: policy, MatchMode: mode})
			if err != nil {
				continue
			}
			v := e.Ask(rbac.Request{Subject: subject, Resource: "applications", Action: "sync", Object: object})
			if v.Allowed && !strings.Contains(policy, "allow") && !strings.Contains(policy, "role:admin") && subject != "admin" && subject != "role:admin" &&
				!strings.Contains(policy, "admin") {
				t.Errorf("%q lets %q: %s", policy, subject, v)
			}
		}
	})
}
