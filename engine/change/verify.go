package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/sync"
)

// Bounds on what one change may ask of the world after its report is posted.
const (
	verifyFor   = 20 * time.Second
	mostTrials  = 300
	mostImages  = 60
	atOnce      = 8
	trialsASec  = 100 // of all changes together
	trialsBurst = 100
)

// Verification is what came of asking the world about an application: its destination, by dry runs, and the registries of its new images.
type Verification struct {
	// Pending says that it is still to be asked; then there are no numbers.
	Pending bool
	// Accepted, Denied, Later and Unknown are numbers of objects by the destination's answer. Later are those that build on what the
	// same change brings.
	Accepted, Denied, Later, Unknown int
	// Notes say why something could not be told, each once.
	Notes []string
}

// Asked is whether any object was asked about.
func (v Verification) Asked() bool { return v.Accepted+v.Denied+v.Later+v.Unknown > 0 }

// pending is what is still to be asked about an application.
type pending struct {
	dest      Questions
	account   string
	noAccount error
	objects   []object.Object
	options   func(object.Object) cluster.ApplyOptions
	images    []guard.ImageUse
	project   string
	brought   guard.Brought
	policy    guard.Policy
}

// ask notes what is to be asked about an application once its report is posted. A stranger's head has nothing asked for it, and objects that
// the project does not permit are not shown to the destination.
func (p *Pipeline) ask(ctx context.Context, in Input, o outcome, f guard.Facts, a *Application) {
	if !in.Trusted || o.after == nil || a.After.Fault != nil || a.Unseen {
		return
	}
	q := &pending{brought: f.Brought, policy: f.Policy, project: o.after.Spec.ProjectName()}
	if p.deps.Image != nil && f.Policy.Level(guard.Images) != guard.Off {
		q.images = guard.NewImages(f)
	}
	if f.Policy.Level(guard.DryRun) != guard.Off {
		p.askDestination(ctx, in, o.after, f, q)
		q.objects = slices.DeleteFunc(q.objects, func(o object.Object) bool { return told(a.Findings, o.ID()) })
	}
	if len(q.images) > 0 || len(q.objects) > 0 {
		a.pending, a.Verification.Pending = q, true
	}
}

// told says whether a guard has said already that the destination cannot take an object.
func told(found []guard.Finding, id object.ID) bool {
	return slices.ContainsFunc(found, func(f guard.Finding) bool {
		return f.ID == id && (f.Check == guard.Kinds || f.Check == guard.RemovedAPIs)
	})
}

func (p *Pipeline) askDestination(ctx context.Context, in Input, app *argo.Application, f guard.Facts, q *pending) {
	if in.Project == nil {
		return
	}
	proj, known := in.Project(app.Spec.ProjectName())
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil || dest == nil || !known {
		return
	}
	questions, ok := dest.(Questions)
	if !ok {
		return
	}
	q.dest, q.options = questions, applying(app)
	q.account, q.noAccount = p.rules(proj).ActAs(app, dest.Server(), p.deps.Impersonation())
	for _, o := range guard.Written(f) {
		if f.Permits == nil || f.Permits(o.ID()).Message == "" {
			q.objects = append(q.objects, o)
		}
	}
}

// applying are the options with which a sync of an application would apply an object: an object's own word goes before the application's,
// which has none on Force.
func applying(app *argo.Application) func(object.Object) cluster.ApplyOptions {
	options := app.Spec.SyncPolicy.Options()
	return func(o object.Object) cluster.ApplyOptions {
		setting := func(key string) string { return sync.Setting(o.Unstructured, options, key) }
		return cluster.ApplyOptions{Replace: setting("Replace") == "true", Force: sync.Setting(o.Unstructured, nil, "Force") == "true",
			SkipValidation: setting("Validate") == "false", ClientSide: setting("ServerSideApply") == "false",
			KeepManagers: options.Has("ClientSideApplyMigration=false")}
	}
}

// Unverified says whether there is something to be asked of the world about the change.
func (c Change) Unverified() bool {
	return slices.ContainsFunc(c.Applications, func(a Application) bool { return a.pending != nil })
}

// Undecided says whether what is still to be asked may fail the check.
func (c Change) Undecided() bool {
	return slices.ContainsFunc(c.Applications, func(a Application) bool {
		q := a.pending
		return q != nil && (len(q.objects) > 0 && q.policy.Level(guard.DryRun) == guard.Blocking || len(q.images) > 0 && q.policy.Level(guard.Images) == guard.Blocking)
	})
}

// Settled is the change without what is still to be asked, for keeping.
func (c Change) Settled() Change {
	c.Applications = slices.Clone(c.Applications)
	for i := range c.Applications {
		c.Applications[i].pending, c.Applications[i].Verification.Pending = nil, false
	}
	return c
}

// Verify asks the destinations, by dry runs, whether they would take what the change writes, and the registries for its new images. It asks
// so much and no more, for so long and no longer; what is left is told as unknown. Where it is cut short by ctx, the error says so.
func (p *Pipeline) Verify(ctx context.Context, c Change) (Change, error) {
	limited, cancel := context.WithTimeout(ctx, verifyFor)
	defer cancel()
	group, gctx := errgroup.WithContext(limited)
	group.SetLimit(atOnce)
	trials, images := mostTrials, mostImages
	all := make([]answers, len(c.Applications))
	for i, a := range c.Applications {
		if a.pending == nil {
			continue
		}
		now, later := split(a.pending.objects, &trials)
		all[i] = begin(a.pending, now, later)
		for k, o := range now {
			group.Go(func() error { all[i].objects[k] = p.try(gctx, a.pending, o); return nil })
		}
		some, rest := split(a.pending.images, &images)
		for _, u := range rest {
			all[i].untold(u, "there are more new images than one change may ask about")
		}
		all[i].images = make([]guard.ImageAnswer, len(some))
		for k, u := range some {
			group.Go(func() error { all[i].images[k] = p.lookUp(gctx, a.pending, u); return nil })
		}
	}
	_ = group.Wait() // none of them fails
	out := c.Settled()
	for i, a := range c.Applications {
		if a.pending != nil {
			all[i].into(&out.Applications[i], a.pending.policy)
		}
	}
	return out, ctx.Err()
}

// split takes as many as are left.
func split[T any](all []T, left *int) (now, later []T) {
	n := min(len(all), *left)
	*left -= n
	return all[:n], all[n:]
}

// answers are those about one application.
type answers struct {
	objects []guard.Answer
	images  []guard.ImageAnswer
	notes   []string
}

func begin(q *pending, now, later []object.Object) answers {
	a := answers{objects: make([]guard.Answer, len(now), len(now)+len(later))}
	for _, o := range later {
		a.objects = append(a.objects, guard.Answer{Place: o.Place, ID: o.ID(), Verdict: guard.Unknown,
			Reasons: []string{fmt.Sprintf("one change may ask about %d objects", mostTrials)}})
	}
	if q.noAccount != nil && len(now) > 0 {
		a.notes = append(a.notes, q.noAccount.Error())
	}
	return a
}

func (a *answers) untold(u guard.ImageUse, why string) {
	a.notes = append(a.notes, u.Reference+": "+why)
}

// into writes the answers into an application.
func (a *answers) into(app *Application, policy guard.Policy) {
	v := Verification{Notes: a.notes}
	for _, one := range a.objects {
		switch one.Verdict {
		case guard.Accepted:
			v.Accepted++
		case guard.Denied:
			v.Denied++
		case guard.Later:
			v.Later++
		default:
			v.Unknown++
		}
		if one.Verdict == guard.Later || one.Verdict == guard.Unknown {
			for _, r := range one.Reasons {
				v.Notes = append(v.Notes, fmt.Sprintf("%s: %s", one.ID, r))
			}
		}
	}
	for _, one := range a.images {
		if one.Untold != "" {
			v.Notes = append(v.Notes, one.Reference+": "+one.Untold)
		}
	}
	app.Verification = v
	app.Findings = slices.Concat(app.Findings, guard.Answered(a.objects, policy), guard.Imaged(a.images, policy))
}

// try asks about one object.
func (p *Pipeline) try(ctx context.Context, q *pending, o object.Object) guard.Answer {
	a := guard.Answer{Place: o.Place, ID: o.ID(), Verdict: guard.Denied}
	if q.noAccount != nil {
		a.Reasons = []string{q.noAccount.Error()}
		return a
	}
	options := q.options(o)
	if options.Force {
		a.Verdict, a.Reasons = guard.Unknown, []string{"it is deleted and made again where it cannot be changed, which cannot be tried"}
		return a
	}
	if err := p.pace.Wait(ctx); err != nil {
		a.Verdict, a.Reasons = guard.Unknown, []string{"there was no time left to ask"}
		return a
	}
	warnings, err := q.dest.Try(ctx, o.Unstructured, q.account, options)
	if err != nil && ctx.Err() != nil {
		a.Verdict, a.Reasons = guard.Unknown, []string{"there was no time left to ask"}
		return a
	}
	return guard.AnswerOf(o, q.brought, warnings, err)
}

// lookUp asks a registry for one image.
func (p *Pipeline) lookUp(ctx context.Context, q *pending, u guard.ImageUse) guard.ImageAnswer {
	found, err := p.deps.Image(ctx, u.Reference, q.project)
	a := guard.ImageAnswer{ImageUse: u, Missing: err == nil && !found}
	var fault *object.Fault
	switch {
	case errors.As(err, &fault):
		a.Untold = fault.Message
	case err != nil && ctx.Err() != nil:
		a.Untold = "there was no time left to ask its registry"
	case err != nil:
		a.Untold = "its registry could not be asked"
		p.deps.Log.Debug("a registry could not be asked", "image", u.Reference, "error", err)
	}
	return a
}

func newPace() *rate.Limiter { return rate.NewLimiter(trialsASec, trialsBurst) }
