package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// Actor finds and carries out actions on single objects. *change.Pipeline is one. Its errors that are change.ErrRefused are for people.
type Actor interface {
	Actions(ctx context.Context, app *argo.Application, id object.ID) ([]change.Action, error)
	Act(ctx context.Context, r change.ActRequest) (done []string, err error)
}

// action carries out an /action: on one object of the applications that this pull request changes, as the policy and their project permit.
// What an action does cannot be told from what it did before, so that one which a crash interrupted is not begun again.
func (v *visit) action(ctx context.Context, o order) error {
	if v.Actor == nil {
		return v.refuse(ctx, o, "This installation carries out no actions.", nil)
	}
	if o.Phase == slipway.CommandRunning {
		return v.fail(ctx, o, "It was interrupted, and may have been carried out. Look at the object, and give the command again if it has to be.")
	}
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	all, err := v.reachable(ctx, o.bound, g.policy)
	if err != nil {
		return err
	}
	if o.bound == nil {
		all = nil
	}
	found, refusal := pick(all, o.cmd)
	if o.bound == nil { // the gate says so
		found, refusal = &subjectObject{}, ""
	}
	if refusal != "" {
		if d := v.decide(order{Command: o.Command, cmd: command.Command{Verb: command.Status}, user: o.user, permission: o.permission}, g); !d.Allowed {
			return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates) // a stranger is not told what there is
		}
		return v.refuse(ctx, o, cmp.Or(v.unrendered(o.bound), escape(refusal)), nil)
	}
	o.cmd.Object.Group, o.cmd.Object.Kind = found.id.Group, found.id.Kind
	in := intent{ground: g}
	if found.reach.app != nil {
		in.apps = []aim{{reach: found.reach}}
	}
	if err := v.weigh(ctx, o, &in); err != nil {
		return err
	}
	if !in.allowed {
		if in.locked { // an action is for now: it does not wait
			return v.refuse(ctx, o, "Another pull request holds it.", in.gates)
		}
		return v.turnDown(ctx, o, in)
	}
	return v.act(ctx, o, *found)
}

// subjectObject is the object of an action, and the application that it belongs to.
type subjectObject struct {
	reach reach
	id    object.ID
}

func (s subjectObject) String() string { return s.id.String() + " of " + s.reach.app.Name }

// act carries out an action that is allowed, or lists what is offered.
func (v *visit) act(ctx context.Context, o order, s subjectObject) error {
	offered, err := v.Actor.Actions(ctx, s.reach.app, s.id)
	if errors.Is(err, change.ErrRefused) {
		return v.refuse(ctx, o, escape(reasonOf(err)), nil)
	}
	if err != nil {
		return fmt.Errorf("finding the actions of %s: %w", s, err)
	}
	at := slices.IndexFunc(offered, func(a change.Action) bool { return a.Name == o.cmd.Name })
	switch {
	case o.cmd.Name == "":
		if err := v.reply(ctx, o.Command, v.offer(s, offered)); err != nil {
			return err
		}
		return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
	case at < 0:
		return v.refuse(ctx, o, v.unoffered(o, s, offered), nil)
	case offered[at].Disabled:
		return v.refuse(ctx, o, fmt.Sprintf("%s makes no sense for %s as it is now.", quote(o.cmd.Name), quote(s.String())), nil)
	}
	params, refusal := given(offered[at], o.cmd.Params)
	if refusal != "" {
		return v.refuse(ctx, o, refusal, nil)
	}
	now := metav1.NewMicroTime(v.Now())
	o.Phase, o.StartedAt, o.Applications = slipway.CommandRunning, &now, []string{s.reach.name()}
	if err := v.save(ctx); err != nil {
		return err
	}
	v.log.Info("action begins", "command", o.Text, "by", o.user.Login, "application", s.reach.name(), "object", s.id.String(), "dry_run", o.cmd.DryRun)
	done, err := v.Actor.Act(ctx, change.ActRequest{App: s.reach.app, Object: s.id, Name: o.cmd.Name, Params: params, DryRun: o.cmd.DryRun})
	if err != nil {
		v.log.Warn("an action failed", "command", o.Text, "object", s.id.String(), "error", err)
		return v.fail(ctx, o, carried(o, s, done)+"\nIt ended with: "+quote(clip(reasonOf(err), 1000)))
	}
	if !o.cmd.DryRun {
		v.Record(s.reach.app, "Action", fmt.Sprintf("%s by %s on %s", clip(o.Text, 200), o.user.Login, v.url()))
		v.Record(v.res, "Action", fmt.Sprintf("%s by %s: %s", clip(o.Text, 200), o.user.Login, s))
		if err := v.nudge(ctx, s.reach.app.Namespace, s.reach.app.Name); err != nil {
			return err
		}
	}
	if err := v.reply(ctx, o.Command, actText(o, s, done)); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// given are the parameters that an action is carried out with: those of the command, and for the others what the action offers. The second
// result says what it does not take, or is empty; an action that names no parameters takes whatever it is given.
func given(a change.Action, params map[string]string) (map[string]string, string) {
	if len(a.Params) == 0 {
		return params, ""
	}
	all := map[string]string{}
	var names []string
	for _, p := range a.Params {
		all[p.Name] = p.Default
		names = append(names, p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if _, ok := all[name]; !ok {
			return nil, fmt.Sprintf("%s has no parameter %s. It takes: %s.", quote(a.Name), quote(name), quote(strings.Join(names, ", ")))
		}
		all[name] = params[name]
	}
	return all, ""
}

// fail answers a command that was allowed and did not end well.
func (v *visit) fail(ctx context.Context, o order, text string) error {
	v.Record(v.res, "CommandFailed", fmt.Sprintf("%s by %s", clip(o.Text, 200), o.user.Login))
	if err := v.reply(ctx, o.Command, "### Failed\n\n"+quote(o.Text)+" by "+quote(o.user.Login)+"\n\n"+text+"\n"); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandFailed, "failed", forge.ThumbDown)
}

// reasonOf is an error for people, without the word that marks it as one.
func reasonOf(err error) string {
	return strings.TrimPrefix(err.Error(), change.ErrRefused.Error()+": ")
}

func actText(o order, s subjectObject, done []string) string {
	title := "### Done\n\n"
	if o.cmd.DryRun {
		title = "### Dry run\n\nThe API server would take it; nothing was changed.\n\n"
	}
	return title + carried(o, s, done)
}

// carried is which action went how far on which object.
func carried(o order, s subjectObject, done []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s\n", quote(o.cmd.Name), quote(s.String()))
	for _, line := range done {
		first, rest, more := strings.Cut(line, "\n")
		fmt.Fprintf(&b, "\n- %s\n", quote(first))
		if more {
			b.WriteString("\n" + fenced("yaml", clip(strings.TrimSpace(rest), 4000)) + "\n")
		}
	}
	return b.String()
}

// fenced is a block of code that its content cannot end.
func fenced(language, content string) string {
	fence := "```"
	for strings.Contains(content, fence) {
		fence += "`"
	}
	return fence + language + "\n" + content + "\n" + fence
}

func (v *visit) offer(s subjectObject, offered []change.Action) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Actions of %s\n\n", quote(s.String()))
	if len(offered) == 0 {
		b.WriteString("There is none.\n")
	}
	for _, a := range offered {
		line := prefix(v.res.Spec.Forge) + "action " + a.Name + " " + s.id.Kind + "/" + s.id.Name + " app:" + s.reach.app.Name
		for _, p := range a.Params {
			line += " --param " + p.Name + "=" + p.Default
		}
		b.WriteString("- " + quote(line))
		if a.Disabled {
			b.WriteString(" (makes no sense as it is now)")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (v *visit) unoffered(o order, s subjectObject, offered []change.Action) string {
	var names []string
	for _, a := range offered {
		names = append(names, a.Name)
	}
	text := fmt.Sprintf("%s has no action %s.", quote(s.String()), quote(o.cmd.Name))
	if near := command.Nearest(o.cmd.Name, names); near != "" {
		text += " Did you mean " + quote(near) + "?"
	}
	return text + "\n\n" + v.offer(s, offered)
}

// pick finds the one object that an action names among those of the applications that it may be about. The second result says why there is
// not one, or is empty.
func pick(all []reach, c command.Command) (*subjectObject, string) {
	if len(c.Targets) > 0 {
		picked, refusal := choose(all, c.Targets)
		if refusal != "" {
			return nil, refusal
		}
		all = picked
	}
	var found, others []subjectObject
	for _, r := range all {
		for _, res := range r.app.Status.Resources {
			s := subjectObject{r, object.ID{Group: res.Group, Kind: res.Kind, Namespace: res.Namespace, Name: res.Name}}
			switch {
			case !kindNamed(c.Object.Kind, s.id.Kind) || c.Object.Group != "" && !strings.EqualFold(c.Object.Group, s.id.Group):
			case s.id.Name == c.Object.Name && (c.Object.Namespace == "" || c.Object.Namespace == s.id.Namespace):
				found = append(found, s)
			default:
				others = append(others, s)
			}
		}
	}
	switch {
	case len(found) == 1:
		return &found[0], ""
	case len(found) > 1:
		return nil, fmt.Sprintf("%s could be any of: %s. Add app:NAME or the namespace, as KIND/NAMESPACE/NAME.", c.Object.Kind+"/"+c.Object.Name, listed(found))
	case len(others) > 0:
		return nil, fmt.Sprintf("There is no %s in what this pull request changes. There are: %s.", c.Object.Kind+"/"+c.Object.Name, listed(others))
	}
	return nil, fmt.Sprintf("There is no %s in what this pull request changes. %s", c.Object.Kind+"/"+c.Object.Name, candidates(all))
}

func listed(all []subjectObject) string {
	const most = 20
	var names []string
	for _, s := range all[:min(len(all), most)] {
		names = append(names, fmt.Sprintf("%s (app:%s)", s.id, s.reach.app.Name))
	}
	text := strings.Join(names, ", ")
	if more := len(all) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shortKinds are kubectl's short names of the kinds that people act on.
var shortKinds = map[string]string{
	"deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "rs": "replicaset", "po": "pod", "cj": "cronjob", "svc": "service",
	"ing": "ingress", "pvc": "persistentvolumeclaim", "cm": "configmap", "hpa": "horizontalpodautoscaler", "ro": "rollout", "es": "externalsecret",
	"cert": "certificate", "ks": "kustomization", "hr": "helmrelease", "pdb": "poddisruptionbudget",
}

// kindNamed says whether a word names a kind: by its name, its plural or its short name, in any case.
func kindNamed(word, kind string) bool {
	word, kind = strings.ToLower(word), strings.ToLower(kind)
	return word == kind || word == kind+"s" || word == kind+"es" || shortKinds[word] == kind
}
