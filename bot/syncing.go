package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// intent is what a sync would do, decided by what is so now.
type intent struct {
	ground *ground
	// revision is the commit of this repository that is deployed.
	revision git.Hash
	apps     []aim
	// refusal is why the command cannot be understood, or empty; gates are the policy's, of every environment concerned.
	refusal string
	gates   []policy.Gate
	allowed bool
	// locked is whether nothing but the locks of others is in the way, if anything is.
	locked bool
}

// environments are those of the applications, in the order in which they come.
func (in *intent) environments() []string {
	var all []string
	for _, a := range in.apps {
		if !slices.Contains(all, a.environment) {
			all = append(all, a.environment)
		}
	}
	return all
}

// aim is one application of a sync.
type aim struct {
	reach
	revisions []string              // one a source
	broken    string                // why it cannot be rendered
	digest    string                // of its objects
	moved     bool                  // it is not what the report showed
	shownBy   int                   // the merged pull request whose report showed it as it is now; 0 for none
	objects   []object.ID           // what it wants
	governs   bool                  // it holds Applications, or what governs them
	back      *argo.RevisionHistory // what a rollback goes to
}

// sync carries out a /sync, or goes on with it. Everything is decided again as long as an application has not been asked: the word given
// for one head must not be kept for another.
func (v *visit) sync(ctx context.Context, o order) error {
	if o.Phase == slipway.CommandRunning {
		return v.advance(ctx, o)
	}
	in, err := v.intend(ctx, o)
	if err != nil {
		return err
	}
	if !in.allowed {
		return v.turnDown(ctx, o, in)
	}
	now := metav1.NewMicroTime(v.Now())
	o.Phase, o.StartedAt, o.Applications = slipway.CommandRunning, &now, nil
	for _, a := range in.apps {
		o.Applications = append(o.Applications, a.name())
	}
	if err := v.save(ctx); err != nil {
		return err
	}
	v.log.Info("sync begins", "command", o.Text, "by", o.user.Login, "revision", in.revision, "applications", o.Applications, "key", o.OperationID, "gates", passed(in.gates))
	v.Record(v.res, "Sync", fmt.Sprintf("%s by %s: %s at %s", clip(o.Text, 200), o.user.Login, strings.Join(o.Applications, ", "), in.revision))
	return v.launch(ctx, o, in)
}

// passed are the names of the gates that stood open, with what was so, for the log of who did what.
func passed(gates []policy.Gate) []string {
	var all []string
	for _, g := range gates {
		all = append(all, g.Name+": "+g.Value)
	}
	return all
}

// turnDown refuses what intend did not allow, by what cannot be understood or else by the gates.
func (v *visit) turnDown(ctx context.Context, o order, in intent) error {
	if in.locked && !o.cmd.DryRun {
		return v.standIn(ctx, o, in)
	}
	reason := "Not everything that it needs is so."
	if in.refusal != "" {
		reason = escape(in.refusal)
	}
	return v.refuse(ctx, o, reason, in.gates)
}

// intend decides what a /sync or a /lock would do and whether it may.
func (v *visit) intend(ctx context.Context, o order) (intent, error) {
	g, err := v.stand(ctx)
	if err != nil {
		return intent{}, err
	}
	in := intent{ground: g}
	if g.merged != nil {
		in.revision = g.merged.Commit()
	}
	all, err := v.reachable(ctx, o.bound, g.policy)
	if err != nil {
		return intent{}, err
	}
	var picked []reach
	if o.bound != nil {
		picked, in.refusal = choose(all, o.cmd.Targets)
		if len(o.cmd.Targets) == 0 { // a /lock of everything
			if picked = all; len(all) == 0 {
				in.refusal = "There is nothing to lock. " + candidates(all)
			}
		}
		if in.refusal != "" && g.fault == nil && len(g.conflicts) == 0 && v.unrendered(o.bound) == "" {
			return in, nil
		}
		if in.refusal != "" { // nothing has a name where there is no policy, no merge, or nothing rendered: that is the reason, and a gate tells it
			in.refusal, picked = "", nil
		}
	}
	for _, r := range picked {
		a := aim{reach: r}
		if g.merged != nil {
			if a, err = v.aim(ctx, g, r); err != nil {
				return intent{}, err
			}
		}
		in.apps = append(in.apps, a)
	}
	if in.pick(o.cmd.Resources); in.refusal != "" {
		return in, nil
	}
	if o.cmd.Verb == command.Sync {
		if err := v.fetched(ctx, &in); err != nil || in.refusal != "" {
			return in, err
		}
	}
	if err := v.credit(ctx, &in); err != nil {
		return intent{}, err
	}
	return in, v.weigh(ctx, o, &in)
}

// credit finds, after the merge, which merged pull request's report showed an application as the base branch has it now, where ours does not.
func (v *visit) credit(ctx context.Context, in *intent) error {
	moved := slices.ContainsFunc(in.apps, func(a aim) bool { return a.moved })
	if v.pull.State != forge.Merged || !moved {
		return nil
	}
	pulls := &slipway.PullRequestList{}
	if err := v.Client.List(ctx, pulls, client.InNamespace(v.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("looking for who changed it since: %w", err)
	}
	s := v.res.Spec
	for i := range pulls.Items {
		p := &pulls.Items[i]
		if p.Status.State != slipway.StateMerged || p.Status.Report == nil || p.Spec.Repository.ID != s.Repository.ID || !strings.EqualFold(p.Spec.Host, s.Host) {
			continue
		}
		for j := range in.apps {
			a := &in.apps[j]
			shown := p.Status.Report.Application(a.app.Namespace, a.app.Name)
			if a.moved && a.digest != "" && shown != nil && shown.Digest == a.digest && p.Spec.Number > a.shownBy {
				a.shownBy = p.Spec.Number
			}
		}
	}
	return nil
}

// aim renders an application as it would be applied, and holds it against the report.
func (v *visit) aim(ctx context.Context, g *ground, r reach) (aim, error) {
	t, err := v.target(ctx, g, r.app)
	if err != nil {
		return aim{}, err
	}
	a := aim{reach: r, revisions: t.Revisions, moved: t.Digest != r.reported.Digest, digest: t.Digest, governs: slices.ContainsFunc(t.Objects.All(), governing)}
	for _, o := range t.Objects.All() {
		a.objects = append(a.objects, o.ID())
	}
	switch {
	case t.Fault != nil:
		a.broken = t.Fault.Error()
	case r.reported.Digest == "": // the report showed no objects of it: there is nothing that somebody could have reviewed
		a.broken, a.moved = "the report could not render it", false
	}
	return a, nil
}

// governing says whether an object decides about applications, or is one of ours.
func governing(o object.Object) bool {
	id := o.ID()
	switch id.Group {
	case "argoproj.io":
		return id.Kind == "Application" || id.Kind == "ApplicationSet" || id.Kind == "AppProject"
	case "slipway.dev":
		return true
	}
	return false
}

// weigh asks the policy, once for each environment concerned.
func (v *visit) weigh(ctx context.Context, o order, in *intent) error {
	var seen verdicts
	var err error
	if o.cmd.Verb == command.Sync {
		if seen, err = v.reviews(ctx); err != nil {
			return err
		}
	}
	environments := in.environments()
	if len(environments) == 0 { // nothing can be named before there is a report
		environments = []string{""}
	}
	others, err := v.others(ctx)
	if err != nil {
		return err
	}
	in.allowed, in.locked = len(in.apps) > 0, len(in.apps) > 0
	for _, name := range environments {
		facts, err := v.facts(ctx, o, in, name)
		if err != nil {
			return err
		}
		facts.Reviews, facts.Reviewers, facts.Writers = seen.reviews, seen.reviewers, seen.writers
		if since := v.res.Status.BaseSince; since != nil {
			facts.Since = since.Time
		}
		facts.Locks = v.heldOf(others, in.apps, name)
		wanted := append(slices.Clone(facts.Environment.Requires.Approvers.Teams), facts.Owners.Teams()...)
		if facts.ReviewerTeams, err = v.reviewerTeams(ctx, seen, wanted); err != nil {
			return err
		}
		d := policy.Evaluate(facts)
		in.allowed = in.allowed && d.Allowed
		in.locked = in.locked && !slices.ContainsFunc(d.Closed(), func(g policy.Gate) bool { return g.Name != policy.LocksGate })
		for _, gate := range d.Gates {
			if len(environments) > 1 {
				gate.Name = name + ": " + gate.Name
			}
			in.gates = append(in.gates, gate)
		}
	}
	return nil
}

// reviewed holds the report of a command against what is so now, for one environment.
func (in *intent) reviewed(o order, environment string) policy.Reviewed {
	r := policy.Reviewed{Conflicts: len(in.ground.conflicts) > 0}
	if o.bound != nil {
		r.Posted, r.Head = true, o.bound.Head
	}
	for _, a := range in.apps {
		if a.environment == environment && a.governs {
			r.Declaring = append(r.Declaring, a.app.Name)
		}
		switch {
		case a.environment != environment:
		case a.broken != "":
			r.Broken = append(r.Broken, a.app.Name)
		case a.moved:
			r.Moved = append(r.Moved, a.app.Name)
			if a.shownBy > 0 {
				r.ShownBy = append(r.ShownBy, fmt.Sprintf("pull request %d for %s", a.shownBy, a.app.Name))
			}
		}
	}
	return r
}

// verdicts are the reviews of a pull request, with what is needed to know which of them count.
type verdicts struct {
	reviews   []forge.Review
	reviewers map[int64]forge.Permission // of those who approved, now
	writers   []forge.User
}

// reviews reads the verdicts on the pull request, what those who approved may do now, and whose hand was in the head.
func (v *visit) reviews(ctx context.Context) (verdicts, error) {
	if v.verdicts != nil {
		return *v.verdicts, nil
	}
	reviews, err := v.forge.Reviews(ctx, v.repo, v.pull.Number)
	if err != nil {
		return verdicts{}, fmt.Errorf("reading reviews: %w", err)
	}
	seen := verdicts{reviews: reviews, reviewers: map[int64]forge.Permission{}}
	for _, r := range reviews {
		if r.State != forge.Approved || r.User.ID == 0 {
			continue
		}
		p, err := v.forge.Permission(ctx, v.repo, r.User)
		if err != nil && !errors.Is(err, forge.ErrNotFound) {
			return verdicts{}, fmt.Errorf("reading the permission of %s: %w", r.User.Login, err)
		}
		seen.reviewers[r.User.ID] = p
	}
	if len(seen.reviewers) > 0 {
		if seen.writers, err = v.forge.Writers(ctx, v.repo, v.pull); err != nil {
			return verdicts{}, fmt.Errorf("reading who wrote the head: %w", err)
		}
		askers, err := v.askers(ctx)
		if err != nil {
			return verdicts{}, err
		}
		seen.writers = append(seen.writers, askers...)
	}
	return seen, nil
}
