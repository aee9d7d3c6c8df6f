package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/forge"
)

// conditionStatuses is false while the forge does not let us set commit statuses that the policy asks for.
const conditionStatuses = "StatusesSet"

// noStatuses is what people can do about it.
const noStatuses = "\"statuses: true\" in " + policy.File + " asks for a commit status for each environment, but Slipway may not set any here. " +
	"Give the GitHub App the permission \"statuses: write\", and have the owner of the installation approve it; or take the setting out. Nothing else waits for it."

// declare brings the commit statuses of the environments up to what is so, where the policy asks for them. They are told from what is written
// down, so that a restart goes on where it was; what stands on the forge alike is not set again.
func (v *visit) declare(ctx context.Context) error {
	if err := v.supersede(ctx); err != nil {
		return err
	}
	if v.ground != nil && v.ground.fault != nil {
		return nil // nobody knows what it would ask for
	}
	asked := len(v.res.Status.Statuses) > 0
	if v.ground != nil {
		asked = v.ground.policy.Statuses
	}
	if !asked {
		return v.unwant(ctx)
	}
	s, err := v.standing(ctx)
	if err != nil {
		return err
	}
	wanted := environmentStatuses(s)
	promised, err := v.promise(ctx, wanted)
	if err != nil {
		return err
	}
	if err := v.setStatuses(ctx, wanted, promised); err != nil {
		return v.unset(ctx, err)
	}
	meta.RemoveStatusCondition(&v.res.Status.Conditions, conditionStatuses)
	return nil
}

// telling says whether there are commit statuses that may have to follow what happens.
func telling(p *slipway.PullRequest) bool { return len(p.Status.Statuses) > 0 }

// pendingOn says whether an application that waits for a person after the merge is told of as such: another pull request's sync may bring it.
func pendingOn(p *slipway.PullRequest, namespace, name string) bool {
	return p.Status.State == slipway.StateMerged && telling(p) && slices.ContainsFunc(p.Status.Applications, func(f slipway.FollowedApplication) bool {
		return f.Namespace == namespace && f.Name == name && f.Phase == phaseManual
	})
}

// standing gathers what the statuses are told from.
func (v *visit) standing(ctx context.Context) (standing, error) {
	s := standing{status: &v.res.Status, deed: v.deed, held: map[string]bool{}, landed: map[string]bool{}}
	if v.ground != nil {
		for _, e := range v.ground.policy.Environments {
			s.environments = append(s.environments, e.Name)
		}
	}
	if v.pull.State == forge.Open {
		locks, err := v.locks(ctx)
		if err != nil {
			return s, err
		}
		for _, l := range locks {
			if a := l.Spec.Application; a != nil && l.Spec.Revision != "" && !l.Expired(v.Now()) {
				s.held[a.Namespace+"/"+a.Name] = true
			}
		}
	}
	for _, f := range v.res.Status.Applications {
		if v.pull.State != forge.Merged || f.Phase != phaseManual {
			continue
		}
		app := &argo.Application{}
		err := v.Client.Get(ctx, client.ObjectKey{Namespace: f.Namespace, Name: f.Name}, app)
		if client.IgnoreNotFound(err) != nil {
			return s, fmt.Errorf("reading application %s/%s: %w", f.Namespace, f.Name, err)
		}
		s.landed[f.Namespace+"/"+f.Name] = err == nil && v.landed(ctx, app)
	}
	return s, nil
}

// deed reads a recorded command again.
func (v *visit) deed(c *slipway.Command) *deed {
	cmds := command.Parse(c.Text, command.Options{Mentions: v.Mentions})
	if len(cmds) == 0 || cmds[0].DryRun {
		return nil
	}
	switch cmd := cmds[0]; cmd.Verb {
	case command.Sync:
		return &deed{part: len(cmd.Resources) > 0}
	case command.Rollback:
		return &deed{back: !cmd.Release, released: cmd.Release}
	}
	return nil
}

// promise writes down which statuses are about to be set for the first time, and says which those are. Killed after that, or overtaken by a
// push, the next look finds them, and ends those of a head that is no more.
func (v *visit) promise(ctx context.Context, wanted []slipway.EnvironmentStatus) (promised map[string]bool, err error) {
	all := &v.res.Status.Statuses
	promised = map[string]bool{}
	for _, want := range wanted {
		if !slices.ContainsFunc(*all, func(s slipway.EnvironmentStatus) bool { return s.Environment == want.Environment }) {
			*all = append(*all, slipway.EnvironmentStatus{Environment: want.Environment, SHA: want.SHA, State: slipway.CheckPending})
			promised[want.Environment] = true
		}
	}
	return promised, v.save(ctx)
}

// isPromise says of a status that it may not have been set yet.
func isPromise(s slipway.EnvironmentStatus) bool { return s.Description == "" }

// setStatuses sets the statuses that are not what was set last, and notes them. Of those that were promised in this look nothing stands on the
// forge that would have to be looked for.
func (v *visit) setStatuses(ctx context.Context, wanted []slipway.EnvironmentStatus, promised map[string]bool) error {
	known := &v.res.Status.Statuses
	place := func(want slipway.EnvironmentStatus) int {
		return slices.IndexFunc(*known, func(s slipway.EnvironmentStatus) bool { return s.Environment == want.Environment })
	}
	var checks []forge.Check
	var changed []slipway.EnvironmentStatus
	for _, want := range wanted {
		if i := place(want); i >= 0 && (*known)[i] == want {
			continue
		}
		said, err := v.worstStatus(ctx, want)
		if err != nil {
			return err
		}
		c := v.statusCheck(said)
		c.New = promised[want.Environment]
		checks, changed = append(checks, c), append(changed, want)
	}
	if len(checks) == 0 {
		return nil
	}
	if err := v.forge.SetStatuses(ctx, v.repo, checks...); err != nil {
		return fmt.Errorf("setting the statuses of environments: %w", err)
	}
	for _, set := range changed {
		v.log.Info("status set", "environment", set.Environment, "sha", set.SHA, "state", set.State, "description", set.Description)
		if i := place(set); i >= 0 {
			(*known)[i] = set
		} else {
			*known = append(*known, set)
		}
	}
	return nil
}

// statusCheck is a status in the forge's vocabulary.
func (v *visit) statusCheck(s slipway.EnvironmentStatus) forge.Check {
	c := forge.Check{Name: policy.StatusContext(s.Environment), SHA: s.SHA, Title: s.Description, DetailsURL: v.address(v.res), Status: forge.Completed}
	if c.DetailsURL == "" {
		c.DetailsURL = v.url()
	}
	switch s.State {
	case slipway.CheckPending:
		c.Status = forge.Queued
	case slipway.CheckSuccess:
		c.Conclusion = forge.Success
	case slipway.StatusError:
		c.Conclusion = forge.Cancelled
	default:
		c.Conclusion = forge.Failure
	}
	return c
}

// supersede ends the pending statuses of heads that were replaced, and forgets all of theirs.
func (v *visit) supersede(ctx context.Context) error {
	return v.retire(ctx, "superseded by a newer push", func(s slipway.EnvironmentStatus) bool { return s.SHA != v.pull.Head.SHA })
}

// unwant ends the pending statuses that the policy no longer asks for.
func (v *visit) unwant(ctx context.Context) error {
	return v.retire(ctx, policy.File+" no longer asks for this status", func(slipway.EnvironmentStatus) bool { return true })
}

// retire ends pending statuses for a reason, and forgets them. Their commit may be gone from the forge, and they with it.
func (v *visit) retire(ctx context.Context, why string, of func(slipway.EnvironmentStatus) bool) error {
	all := &v.res.Status.Statuses
	for i := 0; i < len(*all); {
		s := (*all)[i]
		if !of(s) {
			i++
			continue
		}
		if s.State == slipway.CheckPending {
			s.State, s.Description = slipway.StatusError, why
			err := v.forge.SetStatuses(ctx, v.repo, v.statusCheck(s))
			if err != nil && !courtesy(err) {
				return fmt.Errorf("ending the status of %s: %w", s.Environment, err)
			}
		}
		*all = slices.Delete(*all, i, i+1)
	}
	return nil
}

// unset says what follows a status that could not be set. A refusal is told once in the report, and is in nothing's way.
func (v *visit) unset(ctx context.Context, cause error) error {
	if !courtesy(cause) {
		return cause
	}
	v.log.Warn("commit statuses cannot be set", "error", cause)
	v.res.Status.Statuses = slices.DeleteFunc(v.res.Status.Statuses, isPromise)
	if !errors.Is(cause, forge.ErrForbidden) {
		return nil // the commit is gone
	}
	changed := meta.SetStatusCondition(&v.res.Status.Conditions, metav1.Condition{Type: conditionStatuses, Status: metav1.ConditionFalse, Reason: "Forbidden",
		Message: "the App lacks statuses: write", LastTransitionTime: metav1.NewTime(v.Now())})
	r := v.res.Status.Report
	if !changed || r == nil || v.pull.State != forge.Open {
		return nil
	}
	v.Record(v.res, "StatusesForbidden", "the App lacks statuses: write")
	c, ok := v.memory.change(v.key, r.Base, r.Head)
	if !ok || v.ground == nil || r.Head != v.pull.Head.SHA {
		return nil // the next report says it
	}
	return v.post(ctx, v.ground, c)
}

// remarks are what a report says of ourselves.
func (v *visit) remarks() []string {
	if meta.IsStatusConditionFalse(v.res.Status.Conditions, conditionStatuses) {
		return []string{noStatuses}
	}
	return nil
}

// declareGroup answers the statuses that a merge queue may require of a group: what each brings was told on its pull request, and is deployed
// after the merge.
func (v *visit) declareGroup(ctx context.Context, g *ground, c change.Change, conclusion forge.Conclusion) error {
	if !g.policy.Statuses {
		return nil
	}
	var names []string
	for _, e := range g.policy.Environments {
		names = append(names, e.Name)
	}
	for _, a := range c.Applications {
		if a.Kind != change.Unchanged && a.Environment != "" && !slices.Contains(names, a.Environment) {
			names = append(names, a.Environment)
		}
	}
	want := slipway.EnvironmentStatus{SHA: v.pull.Head.SHA, State: slipway.CheckSuccess, Description: "told on the pull request; this is a try of the merge queue"}
	if conclusion == forge.Failure {
		want.State, want.Description = slipway.CheckFailure, "what the merge queue tries does not hold: see the check"
	}
	var wanted []slipway.EnvironmentStatus
	for _, want.Environment = range names {
		wanted = append(wanted, want)
	}
	err := v.setStatuses(ctx, wanted, nil)
	if err != nil && courtesy(err) {
		v.log.Warn("commit statuses cannot be set", "error", err)
		return nil
	}
	return err
}
