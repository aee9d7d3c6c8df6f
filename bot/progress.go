package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// advance asks those applications of a running sync that could not be asked before, tells how far it has come, and ends it when all
// are where they can get.
func (v *visit) advance(ctx context.Context, o order) error {
	steps, unasked, err := v.steps(ctx, o)
	if err != nil {
		return err
	}
	if len(unasked) > 0 {
		if again, err := v.resume(ctx, o, unasked); err != nil || again {
			return err
		}
		if steps, _, err = v.steps(ctx, o); err != nil {
			return err
		}
	}
	over := !slices.ContainsFunc(steps, func(s step) bool { return !s.over })
	p := report.Progress{Command: o.Text, By: o.user.Login, DryRun: o.cmd.DryRun, Done: over}
	for _, s := range steps {
		p.Steps = append(p.Steps, s.Step)
		if p.Revision == "" {
			p.Revision = s.revision
		}
	}
	if p.Revision == "" {
		p.Revision = v.pull.Head.SHA
	}
	if err := v.progress(ctx, o.Command, report.Sync(p), stepNews(steps), over); err != nil {
		return err
	}
	if !over {
		v.again(soon)
		return nil
	}
	return v.conclude(ctx, o, steps)
}

// stepNews tells of the environments whose applications are all where they can get.
func stepNews(steps []step) []string {
	over := arrivals{}
	for _, s := range steps {
		over.add(s.Environment, s.Phase, s.over)
	}
	return over.news()
}

// arrivals are the phases of the applications of environments; nil where one is still on its way.
type arrivals map[string][]string

func (a arrivals) add(environment, phase string, over bool) {
	phases, there := a[environment]
	if a[environment] = append(phases, phase); !over || there && phases == nil {
		a[environment] = nil
	}
}

// news names the environments in which nothing is on its way, with how it ended there.
func (a arrivals) news() []string {
	var news []string
	for environment, phases := range a {
		if phases != nil {
			slices.Sort(phases)
			news = append(news, environment+" "+strings.Join(slices.Compact(phases), ", "))
		}
	}
	slices.Sort(news)
	return news
}

// step is how far one application of a sync has come.
type step struct {
	report.Step
	namespace  string
	revision   string
	over, good bool
	dry        bool // it only tried
}

// steps looks at every application of a sync.
func (v *visit) steps(ctx context.Context, o order) (steps []step, unasked []string, err error) {
	for _, name := range o.Applications {
		namespace, plain, _ := strings.Cut(name, "/")
		app := &argo.Application{}
		err := v.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: plain}, app)
		switch {
		case apierrors.IsNotFound(err):
			steps = append(steps, step{namespace: namespace, Step: report.Step{Application: plain, Phase: phaseFailed, Message: "the application is no longer there"}, over: true})
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("reading application %s: %w", name, err)
		}
		s := v.step(app, o)
		if !s.over && !carries(app, o.OperationID) {
			unasked = append(unasked, name)
			n, err := v.ahead(ctx, app, o)
			if err != nil {
				return nil, nil, err
			}
			s.Message = placeText(busy(app), n)
		}
		switch {
		case s.over && !s.good:
			s.Findings = v.diagnose(ctx, app)
		case !s.over && !s.dry && current(app, o.OperationID):
			s.Findings = v.stuck(ctx, app)
		}
		steps = append(steps, s)
	}
	return steps, unasked, nil
}

// step reads how far an application has come from what the controller wrote.
func (v *visit) step(app *argo.Application, o order) step {
	s := step{namespace: app.Namespace, dry: o.cmd.DryRun, Step: report.Step{
		Application: app.Name, Environment: v.environment(app), Cluster: app.Spec.Destination.String(), Phase: "Waiting",
	}}
	started := v.Now()
	if o.StartedAt != nil {
		started = o.StartedAt.Time
	}
	late := v.Now().Sub(started) > v.SyncTimeout
	state := app.Status.OperationState
	switch {
	case !carries(app, o.OperationID): // it waits
	case app.Operation != nil && (state == nil || keyOf(state.Operation.Info) != o.OperationID):
		s.Message = "the controller has been asked"
	case !current(app, o.OperationID): // it is over, and another came after it
		w := wellbeing(app, nil, v.Now())
		s.Phase, s.Message, s.over, s.good = w.phase, "another operation followed", true, w.phase == phaseHealthy
	default:
		s = v.operated(s, app, state, o)
	}
	if !s.over && late {
		s.Phase, s.Message, s.over = phaseTimedOut, "not finished within "+policy.Span(v.SyncTimeout), true
	}
	return s
}

// operated reads the state of the command's own operation.
func (v *visit) operated(s step, app *argo.Application, state *argo.OperationState, o order) step {
	s.Phase, s.Message = string(state.Phase), state.Message
	if r := state.SyncResult; r != nil {
		s.revision = strings.Join(nonEmpty(r.Revision, r.Revisions), " ")
		s.Resources = results(r.Resources)
	}
	switch {
	case !state.Phase.Completed():
		return s
	case !state.Phase.Successful():
		s.over = true
		return s
	case o.cmd.DryRun:
		s.over, s.good = true, true
		return s
	}
	w := believed(wellbeing(app, state.FinishedAt, v.Now()), app, v.Now())
	s.Phase, s.Message, s.over, s.good = w.phase, w.message, w.settled, w.phase == phaseHealthy || w.phase == phaseSuspended
	if !s.over {
		v.again(time.Second)
	}
	if !s.over && state.FinishedAt != nil && v.Now().Sub(state.FinishedAt.Time) > v.Follow {
		s.Phase, s.Message, s.over = phaseTimedOut, "synced, but not healthy within "+policy.Span(v.Follow)+": "+w.message, true
	}
	return s
}

func nonEmpty(one string, many []string) []string {
	if len(many) > 0 {
		return many
	}
	if one == "" {
		return nil
	}
	return []string{one}
}

func results(all argo.ResourceResults) []report.Resource {
	shown := make([]report.Resource, 0, len(all))
	for _, r := range all {
		status := string(r.Status)
		if r.HookType != "" {
			status = strings.TrimSpace(string(r.HookType) + " " + string(r.HookPhase))
		}
		id := object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
		shown = append(shown, report.Resource{ID: id.String(), Status: status, Message: r.Message})
	}
	return shown
}

// resume asks applications that were busy, or that a restart left unasked. The command is decided anew for it; what is no longer allowed
// ends it. The result says whether the command is over.
func (v *visit) resume(ctx context.Context, o order, unasked []string) (over bool, err error) {
	if err := v.upToDate(ctx); err != nil {
		return false, err
	}
	if err := v.permit(ctx, &o); err != nil {
		return false, err
	}
	if o.cmd.Verb == command.Rollback {
		return v.rollOn(ctx, o, unasked)
	}
	in, err := v.intend(ctx, o)
	if err != nil {
		return false, err
	}
	if !in.allowed {
		if len(unasked) == len(o.Applications) {
			return true, v.refuse(ctx, o, "It was allowed when it was given, and is no longer.", in.gates)
		}
		o.Applications = slices.DeleteFunc(slices.Clone(o.Applications), func(n string) bool { return slices.Contains(unasked, n) })
		v.log.Warn("a sync ends early", "command", o.Text, "left_out", unasked)
		return false, v.save(ctx)
	}
	if v.pull.State != forge.Merged && !o.cmd.DryRun {
		if taken, err := v.hold(ctx, o, in, claims(in, func(aim) git.Hash { return in.revision })); err != nil || !taken {
			v.again(soon)
			return !taken, err
		}
	}
	if err := v.deployments(ctx, o, in); err != nil {
		return false, err
	}
	for _, a := range in.apps {
		if slices.Contains(unasked, a.name()) {
			if err := v.ask(ctx, o, in, a); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// conclude ends a sync: its deployments, its reaction, and what is told about the merge.
func (v *visit) conclude(ctx context.Context, o order, steps []step) error {
	good := !slices.ContainsFunc(steps, func(s step) bool { return !s.good })
	for name, id := range o.DeploymentIDs {
		state, description := forge.DeploymentSuccess, "healthy"
		for _, s := range steps {
			if !s.good && (s.Environment == name || s.Environment == "" && s.Application == name) {
				state, description = forge.DeploymentFailure, s.Application+": "+s.Phase+" "+s.Message
			}
		}
		v.deployed(ctx, id, state, description)
	}
	o.Unwell = nil
	for _, s := range steps {
		if !s.good {
			if o.Unwell == nil {
				o.Unwell = map[string]string{}
			}
			o.Unwell[s.namespace+"/"+s.Application] = clip(strings.TrimSuffix(s.Phase+": "+s.Message, ": "), 140)
		}
	}
	phase, with, message := slipway.CommandDone, forge.Rocket, "done"
	if !good {
		phase, with, message = slipway.CommandFailed, forge.ThumbDown, "not every application is well"
	}
	v.Record(v.res, "Sync"+string(phase), fmt.Sprintf("%s by %s", clip(o.Text, 200), o.user.Login))
	if err := v.done(ctx, o, phase, message, with); err != nil {
		return err
	}
	if v.pull.State == forge.Merged { // a turn that was used for it is over
		if err := v.endTurns(ctx, o); err != nil {
			return err
		}
	}
	if o.cmd.Verb == command.Rollback { // what was merged is not what runs now
		return nil
	}
	return v.deliver(ctx, steps)
}

// unwellIn are the objects of an application that are not well, as far as it was looked.
func unwellIn(app *argo.Application) []object.ID {
	var unwell []object.ID
	for _, r := range app.Status.Resources {
		if r.Health != nil && r.Health.Status != argo.HealthStatusHealthy && r.Health.Status != argo.HealthStatusSuspended {
			unwell = append(unwell, object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
		}
	}
	return unwell[:min(len(unwell), 20)]
}

// diagnose explains what is not well with an application. That it cannot be explained stops nothing.
func (v *visit) diagnose(ctx context.Context, app *argo.Application) []string {
	return v.diagnoseOf(ctx, app, unwellIn(app))
}

// stuck tells what has gone wrong already in an application that is on its way: an image that cannot be pulled is not waited for until
// a Deployment's deadline makes it Degraded. A cluster is asked every few seconds at most.
func (v *visit) stuck(ctx context.Context, app *argo.Application) []string {
	unwell := unwellIn(app)
	if len(unwell) == 0 {
		return nil
	}
	key := app.Namespace + "/" + app.Name
	if found, ok := v.memory.glance(key, v.Now()); ok {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found, err := v.Stuck(ctx, app, unwell)
	if err != nil {
		v.log.Warn("an application cannot be diagnosed", "application", key, "error", err)
	}
	v.memory.glanced(key, glance{v.Now(), found})
	return found
}

// diagnoseOf explains what is not well with some objects of an application.
func (v *visit) diagnoseOf(ctx context.Context, app *argo.Application, unwell []object.ID) []string {
	if len(unwell) > 20 {
		unwell = unwell[:20]
	}
	if len(unwell) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	findings, err := v.Diagnose(ctx, app, unwell)
	if err != nil {
		v.log.Warn("an application cannot be diagnosed", "application", app.Namespace+"/"+app.Name, "error", err)
	}
	return findings
}

// environment is that of an application, by the cluster and the newest report of the base's groups.
func (v *visit) environment(app *argo.Application) string {
	if v.ground != nil {
		if e := v.ground.policy.Environment(app.Name, app.Labels); e != "" {
			return e
		}
	}
	if r := v.res.Status.Report; r != nil {
		if a := r.Application(app.Namespace, app.Name); a != nil {
			return a.Environment
		}
	}
	return ""
}
