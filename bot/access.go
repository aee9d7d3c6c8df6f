package bot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/rbac"
	"github.com/slipway-cd/slipway/forge"
)

// right is what policy.csv must let somebody do with an application to give a command about it. The object of an action is to be named in
// full, its group and kind as the cluster serves them.
func right(c command.Command) string {
	if c.Verb != command.Action {
		return "sync"
	}
	return strings.Join([]string{"action", c.Object.Group, c.Object.Kind, c.Name}, "/")
}

// grants asks policy.csv whether a user may do something with applications, such as "sync" or "action/apps/Deployment/restart". It is
// read at the time of the act, as are the teams that the user is in.
func (v *visit) grants(ctx context.Context, user forge.User, action string, apps []*argo.Application) (policy.Grants, error) {
	kind := forge.Kind(v.res.Spec.Forge)
	out := policy.Grants{Action: action, Account: string(kind) + ":" + user.Login}
	if v.Access == nil {
		return out, nil
	}
	for _, app := range apps {
		rights, err := v.Access(ctx, app.Spec.ProjectName())
		if err != nil {
			out.Unread = err.Error()
			return out, nil
		}
		g := policy.Grant{Object: rbac.Object(app, v.Namespace), Allowed: true, Why: "nothing is asked"}
		asked, who, err := v.known(ctx, kind, user, rights)
		if err != nil {
			return out, err
		}
		if asked {
			out.Asked = true
			g.Allowed, g.Why = ask(rights, who, action, g.Object)
		}
		out.Applications = append(out.Applications, g)
	}
	return out, nil
}

// grantsOf asks about giving back the application of a lock, which lets its base be synced over what was locked.
func (v *visit) grantsOf(ctx context.Context, o order, l slipway.Lock) (policy.Grants, error) {
	if l.Spec.Application == nil {
		return policy.Grants{}, nil // an environment lets nothing be synced by itself
	}
	app := &argo.Application{}
	err := v.Client.Get(ctx, client.ObjectKey{Namespace: l.Spec.Application.Namespace, Name: l.Spec.Application.Name}, app)
	if apierrors.IsNotFound(err) {
		return policy.Grants{}, nil // it is gone, and with it its project's word
	}
	if err != nil {
		return policy.Grants{}, fmt.Errorf("reading application %s: %w", l.Spec.Application.Name, err)
	}
	return v.grants(ctx, o.user, "sync", []*argo.Application{app})
}

// person is how a policy knows somebody: by names of their own, and by groups.
type person struct{ names, groups []string }

// known says whether a policy speaks of the forge's people, and as whom it is asked about one of them. A plain word is somebody's login only
// if it is not a local account's name, and then the policy speaks of that person.
func (v *visit) known(ctx context.Context, kind forge.Kind, user forge.User, rights *rbac.Enforcer) (bool, person, error) {
	who := person{names: []string{string(kind) + ":" + user.Login}}
	names := rights.Names()
	asked := len(policy.ForgeNames(kind, names)) > 0
	for _, name := range names {
		// Logins are the same in any case, and lines are not: the line's way of writing counts.
		if user.Login != "" && strings.EqualFold(strings.TrimPrefix(name, string(kind)+":"), user.Login) {
			asked, who.names = true, append(who.names, name)
		}
	}
	teams := policy.Teams(kind, names)
	in, err := v.teams(ctx, user, slices.Compact(slices.Sorted(maps.Values(teams))))
	if err != nil {
		return false, who, err
	}
	for _, name := range names {
		if t, ok := teams[name]; ok && slices.ContainsFunc(in, func(have string) bool { return strings.EqualFold(have, t) }) {
			asked, who.groups = true, append(who.groups, name)
		}
	}
	return asked, who, nil
}

// ask asks for a person by each of their names, and by their groups.
func ask(rights *rbac.Enforcer, who person, action, object string) (allowed bool, why string) {
	var refused rbac.Verdict
	for _, name := range who.names {
		verdict := rights.Ask(rbac.Request{Subject: name, Groups: who.groups, Resource: "applications", Action: action, Object: object})
		if verdict.Allowed {
			return true, verdict.String()
		}
		if refused.Rule == "" {
			refused = verdict
		}
	}
	if refused.Rule == "" {
		return false, fmt.Sprintf("no line lets %s %s it", who.names[0], action)
	}
	return false, refused.String()
}
