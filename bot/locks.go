package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// hold takes applications, each by creating its lock at a commit, or at none. The commit is put where the controller can read it first.
// With false another pull request was faster; what was taken here is given back.
func (v *visit) hold(ctx context.Context, o order, in intent, at func(aim) git.Hash) (bool, error) {
	var taken []slipway.Lock
	for _, a := range in.apps {
		name, revision := slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name), at(a)
		if revision != "" {
			if err := in.ground.mirror.Keep(ctx, name, revision); err != nil {
				return false, fmt.Errorf("keeping the commit: %w", err)
			}
		}
		lock, mine, err := v.take(ctx, v.lock(o, in, a, revision))
		if err != nil {
			return false, err
		}
		if !mine {
			v.log.Info("a lock is held by another", "application", a.name(), "owner", lock.Spec.Owner.URL)
			if held := git.Hash(lock.Spec.Revision); held.IsFull() { // the name is the lock's: what its holder keeps there must stay
				if err := in.ground.mirror.Keep(ctx, name, held); err != nil {
					v.log.Warn("what another holds could not be kept", "application", a.name(), "revision", held, "error", err)
				}
			}
			for _, l := range taken {
				if err := v.drop(ctx, l); err != nil {
					return false, err
				}
			}
			return false, nil
		}
		taken = append(taken, *lock)
	}
	return true, nil
}

func (v *visit) lock(o order, in intent, a aim, revision git.Hash) *slipway.Lock {
	expires := metav1.NewTime(v.Now().Add(in.ground.policy.Holds()))
	return &slipway.Lock{
		ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name)},
		Spec: slipway.LockSpec{
			Application: &slipway.ApplicationRef{Namespace: a.app.Namespace, Name: a.app.Name},
			Owner:       v.owner(), User: o.user.Login, Reason: clip(o.cmd.Reason, 200),
			Revision: string(revision), AcquiredAt: metav1.NewMicroTime(v.Now()), ExpiresAt: &expires,
		},
	}
}

// owner is this pull request as the holder of locks.
func (v *visit) owner() slipway.LockOwner {
	s := v.res.Spec
	return slipway.LockOwner{Forge: s.Forge, Host: s.Host, RepositoryID: s.Repository.ID, Number: s.Number, URL: v.url()}
}

// take creates a lock, or renews it where it is ours. One that has ended is taken over.
func (v *visit) take(ctx context.Context, want *slipway.Lock) (lock *slipway.Lock, mine bool, err error) {
	const tries = 3
	for range tries {
		err := v.Client.Create(ctx, want.DeepCopy())
		if err == nil {
			return want, true, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, false, fmt.Errorf("taking lock %s: %w", want.Name, err)
		}
		have := &slipway.Lock{}
		if err := v.Reader.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return nil, false, fmt.Errorf("reading lock %s: %w", want.Name, err)
		}
		switch {
		case have.Spec.Owner.Same(want.Spec.Owner):
			acquired := have.Spec.AcquiredAt
			have.Spec, have.Spec.AcquiredAt = want.Spec, acquired
			if err := v.Client.Update(ctx, have); err != nil {
				return nil, false, fmt.Errorf("renewing lock %s: %w", want.Name, err)
			}
			return have, true, nil
		case !have.Expired(v.Now()):
			return have, false, nil
		}
		if err := v.remove(ctx, *have); err != nil {
			return nil, false, err
		}
	}
	return want, false, nil
}

// remove deletes a lock, if it is still the one that was looked at.
func (v *visit) remove(ctx context.Context, l slipway.Lock) error {
	uid, version := l.UID, l.ResourceVersion
	err := v.Client.Delete(ctx, &l, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("removing lock %s: %w", l.Name, err)
	}
	return nil
}

// drop gives a lock of ours back: it is removed, the kept commit is let go, and the controller looks at the application again.
func (v *visit) drop(ctx context.Context, l slipway.Lock) error {
	have := &slipway.Lock{}
	err := v.Reader.Get(ctx, client.ObjectKeyFromObject(&l), have)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading lock %s: %w", l.Name, err)
	}
	if !have.Spec.Owner.Same(v.owner()) {
		return nil
	}
	if err := v.remove(ctx, *have); err != nil {
		return err
	}
	if err := v.Mirrors.Mirror(v.repo.CloneURL).Release(ctx, l.Name); err != nil {
		v.log.Warn("a kept commit could not be let go", "name", l.Name, "error", err)
	}
	v.log.Info("lock given back", "lock", l.Name)
	if a := have.Spec.Application; a != nil {
		return v.nudge(ctx, a.Namespace, a.Name)
	}
	return nil
}

// locks lists those that this pull request holds.
func (v *visit) locks(ctx context.Context) ([]slipway.Lock, error) {
	all, err := v.allLocks(ctx)
	owner := v.owner()
	return slices.DeleteFunc(all, func(l slipway.Lock) bool { return !l.Spec.Owner.Same(owner) || l.Spec.Application == nil }), err
}

// others are the locks that other pull requests hold now, by name.
func (v *visit) others(ctx context.Context) (map[string]slipway.Lock, error) {
	all, err := v.allLocks(ctx)
	owner, held := v.owner(), map[string]slipway.Lock{}
	for _, l := range all {
		if !l.Expired(v.Now()) && !l.Spec.Owner.Same(owner) {
			held[l.Name] = l
		}
	}
	return held, err
}

func (v *visit) allLocks(ctx context.Context) ([]slipway.Lock, error) {
	list := &slipway.LockList{}
	if err := v.Reader.List(ctx, list, client.InNamespace(v.Namespace)); err != nil {
		return nil, fmt.Errorf("listing locks: %w", err)
	}
	return list.Items, nil
}

// expire gives back the locks that have ended: by their time, or because the pull request is no longer open. Where that was not asked for,
// a comment says what it means.
func (v *visit) expire(ctx context.Context) error {
	locks, err := v.locks(ctx)
	if err != nil {
		return err
	}
	for _, l := range locks {
		over := v.pull.State != forge.Open
		if !over && !l.Expired(v.Now()) {
			continue
		}
		if v.pull.State != forge.Merged {
			marker := marker("unlocked", v.res.Name+"-"+string(l.UID))
			why := "The time of the lock is up."
			if over {
				why = "The pull request is closed."
			}
			text, err := v.goesBack(ctx, l)
			if err != nil {
				return err
			}
			if _, err := v.say(ctx, marker, 0, marked(marker, "### 🔓 Given back\n\n"+why+"\n\n"+text)); err != nil {
				return fmt.Errorf("telling that a lock ended: %w", err)
			}
		}
		v.Record(v.res, "Unlocked", l.Spec.Application.Name)
		if err := v.drop(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// goesBack says what becomes of an application when its lock is given back.
func (v *visit) goesBack(ctx context.Context, l slipway.Lock) (string, error) {
	app := &argo.Application{}
	err := v.Reader.Get(ctx, client.ObjectKey{Namespace: l.Spec.Application.Namespace, Name: l.Spec.Application.Name}, app)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("- %s is no longer there\n", quote(l.Spec.Application.Name)), nil
	case err != nil:
		return "", fmt.Errorf("reading application %s: %w", l.Spec.Application.Name, err)
	case app.Spec.SyncPolicy.IsAutomated():
		return fmt.Sprintf("- %s goes back to its base now, by its automated sync\n", quote(app.Name)), nil
	}
	return fmt.Sprintf("- %s has no automated sync: it stays at %s until someone syncs it\n", quote(app.Name), quote(l.Spec.Revision)), nil
}

// unlock carries out an /unlock: it gives back what this pull request holds, and nothing else.
func (v *visit) unlock(ctx context.Context, o order) error {
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	locks, err := v.locks(ctx)
	if err != nil {
		return err
	}
	if locks, err = v.named(ctx, o, g, locks); err != nil {
		return err
	}
	d := v.decideUnlock(ctx, o, g, locks)
	switch {
	case !d.Allowed:
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	case len(locks) == 0:
		return v.refuse(ctx, o, "This pull request holds nothing of that.", nil)
	}
	var lines []string
	for _, l := range locks {
		line, err := v.goesBack(ctx, l)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	if err := v.reply(ctx, o.Command, "### 🔓 Given back\n\n"+strings.Join(lines, "")); err != nil {
		return err
	}
	for _, l := range locks {
		v.Record(v.res, "Unlocked", l.Spec.Application.Name+" by "+o.user.Login)
		if err := v.drop(ctx, l); err != nil {
			return err
		}
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// decideUnlock asks the policy of each environment that would be given back.
func (v *visit) decideUnlock(ctx context.Context, o order, g *ground, locks []slipway.Lock) policy.Decision {
	all := v.decide(o, g)
	for _, l := range locks {
		environment, err := v.environmentOf(ctx, g, l)
		if err != nil {
			return policy.Decision{Gates: []policy.Gate{{Name: "environment", Value: "that of " + l.Spec.Application.Name + " could not be read", Satisfy: "the cluster answers"}}}
		}
		rules := g.policy.Named(environment)
		granted, err := v.grantsOf(ctx, o, l)
		if err != nil {
			granted = policy.Grants{Unread: err.Error()}
		}
		d := policy.Evaluate(policy.Input{Command: o.cmd, User: o.user, Permission: o.permission, PullRequest: v.pull, Environment: rules, Fault: g.fault,
			Grants: granted})
		if !d.Allowed {
			return d
		}
	}
	return all
}

// named keeps the locks whose applications the command names; without a name, all.
func (v *visit) named(ctx context.Context, o order, g *ground, locks []slipway.Lock) ([]slipway.Lock, error) {
	if len(o.cmd.Targets) == 0 {
		return locks, nil
	}
	apps, err := v.applications(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(locks, func(l slipway.Lock) bool {
		for _, app := range apps {
			if app.Namespace != l.Spec.Application.Namespace || app.Name != l.Spec.Application.Name {
				continue
			}
			r := reach{app: app, environment: g.policy.Environment(app.Name, app.Labels)}
			for _, t := range o.cmd.Targets {
				if names(r, t) {
					return false
				}
			}
		}
		return true
	}), nil
}

func (v *visit) environmentOf(ctx context.Context, g *ground, l slipway.Lock) (string, error) {
	app := &argo.Application{}
	err := v.Client.Get(ctx, client.ObjectKey{Namespace: l.Spec.Application.Namespace, Name: l.Spec.Application.Name}, app)
	if apierrors.IsNotFound(err) {
		return "", nil // it is gone, and with it its rules
	}
	if err != nil {
		return "", fmt.Errorf("reading application %s: %w", l.Spec.Application.Name, err)
	}
	return g.policy.Environment(app.Name, app.Labels), nil
}

// heldOf are, among the locks of others, those on an environment and on its applications in a sync.
func heldOf(others map[string]slipway.Lock, apps []aim, environment string) []policy.Held {
	keys := map[string]string{}
	for _, a := range apps {
		if a.environment == environment {
			keys[slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name)] = a.app.Name
		}
	}
	if environment != "" {
		keys[slipway.LockName(slipway.LockEnvironment, "", environment)] = environment
	}
	var held []policy.Held
	for key, what := range keys {
		if l, ok := others[key]; ok {
			held = append(held, policy.Held{Application: what, Owner: l.Spec.Owner.URL, User: l.Spec.User, Reason: clip(l.Spec.Reason, 200)})
		}
	}
	slices.SortFunc(held, func(a, b policy.Held) int { return strings.Compare(a.Application, b.Application) })
	return held
}

// until shows the end of a lock to people.
func until(l slipway.Lock) string {
	if l.Spec.ExpiresAt == nil {
		return ""
	}
	return l.Spec.ExpiresAt.UTC().Format(time.RFC3339)
}
