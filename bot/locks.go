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
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
)

// claim is something that is to be held: an application, at a commit or at none, or an environment of this repository.
type claim struct {
	name        string // of the Lock
	application *slipway.ApplicationRef
	environment string
	revision    git.Hash
}

// claims are the applications of a command, each at a commit.
func claims(in intent, at func(aim) git.Hash) []claim {
	var all []claim
	for _, a := range in.apps {
		all = append(all, claim{
			name:        slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name),
			application: &slipway.ApplicationRef{Namespace: a.app.Namespace, Name: a.app.Name}, revision: at(a),
		})
	}
	return all
}

// environmentLock is the name of the lock on an environment. Another repository's of the same name is another one.
func (v *visit) environmentLock(environment string) string {
	s := v.res.Spec
	return slipway.LockName(slipway.LockEnvironment, fmt.Sprintf("%s/%d", strings.ToLower(s.Host), s.Repository.ID), environment)
}

// hold takes what is claimed, each by creating its lock. The commit is put where the controller can read it first. With false another pull
// request was faster; what was taken here is given back.
func (v *visit) hold(ctx context.Context, o order, in intent, all []claim) (bool, error) {
	var taken []slipway.Lock
	for _, c := range all {
		if c.revision != "" {
			if err := in.ground.mirror.Keep(ctx, c.name, c.revision); err != nil {
				return false, fmt.Errorf("keeping the commit: %w", err)
			}
		}
		got, err := v.take(ctx, v.lock(o, in, c), o.cmd.For > 0)
		if err != nil {
			return false, err
		}
		if got.taken {
			taken = append(taken, got.lock)
		}
		if !got.mine {
			return false, v.yield(ctx, in, got.lock, taken)
		}
	}
	return true, nil
}

// yield gives back what was taken before another turned out to hold a part of it.
func (v *visit) yield(ctx context.Context, in intent, theirs slipway.Lock, taken []slipway.Lock) error {
	v.log.Info("a lock is held by another", "lock", theirs.Name, "owner", theirs.Spec.Owner.URL)
	if held := git.Hash(theirs.Spec.Revision); held.IsFull() { // the name is the lock's: what its holder keeps there must stay
		if err := in.ground.mirror.Keep(ctx, theirs.Name, held); err != nil {
			v.log.Warn("what another holds could not be kept", "lock", theirs.Name, "revision", held, "error", err)
		}
	}
	for _, l := range taken {
		if err := v.release(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) lock(o order, in intent, c claim) *slipway.Lock {
	lasts := in.ground.policy.Holds()
	if o.cmd.For > 0 {
		lasts = o.cmd.For
	}
	expires := metav1.NewTime(v.Now().Add(lasts))
	return &slipway.Lock{
		ObjectMeta: metav1.ObjectMeta{Namespace: v.Namespace, Name: c.name},
		Spec: slipway.LockSpec{
			Application: c.application, Environment: c.environment,
			Owner: v.owner(), User: o.user.Login, Reason: clip(o.cmd.Reason, 200),
			Revision: string(c.revision), AcquiredAt: metav1.NewMicroTime(v.Now()), ExpiresAt: &expires,
		},
	}
}

// owner is this pull request as the holder of locks.
func (v *visit) owner() slipway.LockOwner {
	s := v.res.Spec
	return slipway.LockOwner{Forge: s.Forge, Host: s.Host, RepositoryID: s.Repository.ID, Number: s.Number, URL: v.url()}
}

// grip is what came of an attempt to take a lock: the lock as it is, whether it is ours, and whether it was not before.
type grip struct {
	lock        slipway.Lock
	mine, taken bool
}

// take creates a lock, or renews it where it is ours. One that has ended is passed on to the first of its queue, or taken over.
func (v *visit) take(ctx context.Context, want *slipway.Lock, exactly bool) (grip, error) {
	const tries = 5
	for range tries {
		created := want.DeepCopy()
		err := v.Client.Create(ctx, created)
		if err == nil {
			return grip{*created, true, true}, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return grip{}, fmt.Errorf("taking lock %s: %w", want.Name, err)
		}
		have := &slipway.Lock{}
		if err := v.Reader.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return grip{}, fmt.Errorf("reading lock %s: %w", want.Name, err)
		}
		switch {
		case have.Spec.Owner.Same(want.Spec.Owner):
			turn := have.Spec.Turn
			have.Spec = renewed(have.Spec, want.Spec, exactly)
			err := v.Client.Update(ctx, have)
			if apierrors.IsConflict(err) { // somebody queued up meanwhile
				continue
			}
			if err != nil {
				return grip{}, fmt.Errorf("renewing lock %s: %w", want.Name, err)
			}
			return grip{*have, true, turn}, nil
		case !have.Expired(v.Now()):
			return grip{lock: *have}, nil
		}
		if err := v.free(ctx, *have, nil); err != nil && !apierrors.IsConflict(err) {
			return grip{}, err
		}
	}
	return grip{lock: *want}, nil
}

// renewed is a lock of ours taken again: its queue and its age stay. A command that names no time does not shorten it, and one without a
// reason leaves the reason as it is.
func renewed(have, want slipway.LockSpec, exactly bool) slipway.LockSpec {
	want.Queue = have.Queue
	if have.Turn {
		return want
	}
	want.AcquiredAt = have.AcquiredAt
	if want.Reason == "" {
		want.Reason = have.Reason
	}
	if !exactly && have.ExpiresAt != nil && want.ExpiresAt != nil && have.ExpiresAt.After(want.ExpiresAt.Time) {
		want.ExpiresAt = have.ExpiresAt
	}
	return want
}

// drop gives a lock of ours back.
func (v *visit) drop(ctx context.Context, l slipway.Lock) error {
	return v.dropTo(ctx, l, nil)
}

// dropTo gives a lock of ours back, to a pull request of its queue if one is named and else to the first.
func (v *visit) dropTo(ctx context.Context, l slipway.Lock, to *slipway.LockOwner) error {
	const tries = 5
	for range tries {
		have := &slipway.Lock{}
		err := v.Reader.Get(ctx, client.ObjectKeyFromObject(&l), have)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading lock %s: %w", l.Name, err)
		}
		if !have.Spec.Owner.Same(l.Spec.Owner) {
			return nil // it has passed on
		}
		if err = v.free(ctx, *have, to); err == nil {
			v.log.Info("lock given back", "lock", l.Name)
			return nil
		}
		if !apierrors.IsConflict(err) {
			return err
		}
	}
	return fmt.Errorf("giving back lock %s: it changes too fast", l.Name)
}

// locks lists those that this pull request holds.
func (v *visit) locks(ctx context.Context) ([]slipway.Lock, error) {
	all, err := v.allLocks(ctx)
	owner := v.owner()
	return slices.DeleteFunc(all, func(l slipway.Lock) bool { return !l.Spec.Owner.Same(owner) }), err
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

// subject is what a lock is on, for people.
func subject(l slipway.Lock) string {
	if a := l.Spec.Application; a != nil {
		return a.Name
	}
	return l.Spec.Environment
}

// heldOf are, among the locks of others, those on an environment and on its applications in a command.
func (v *visit) heldOf(others map[string]slipway.Lock, apps []aim, environment string) []policy.Held {
	var held []policy.Held
	for _, name := range v.lockNames(apps, environment) {
		if l, ok := others[name]; ok {
			h := policy.Held{Application: subject(l), Owner: l.Spec.Owner.URL, User: l.Spec.User, Reason: clip(l.Spec.Reason, 200), Until: ends(l), Waiting: len(l.Spec.Queue)}
			if v.onPage && !v.near(l.Spec.Owner) {
				h.Owner, h.User, h.Reason = "a pull request of another repository", "", ""
			}
			held = append(held, h)
		}
	}
	slices.SortFunc(held, func(a, b policy.Held) int { return strings.Compare(a.Application, b.Application) })
	return held
}

// near says whether the holder of a lock is a pull request of this repository, which whoever reads this one may read as well.
func (v *visit) near(o slipway.LockOwner) bool {
	s := v.res.Spec
	return o.RepositoryID == s.Repository.ID && o.Forge == s.Forge && strings.EqualFold(o.Host, s.Host)
}

// lockNames are the names of the locks on the applications of an environment that a command is about, and on the environment.
func (v *visit) lockNames(apps []aim, environment string) []string {
	var names []string
	for _, a := range apps {
		if a.environment == environment {
			names = append(names, slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name))
		}
	}
	if environment != "" {
		names = append(names, v.environmentLock(environment))
	}
	return names
}

// ends is when a lock ends by itself; zero for never.
func ends(l slipway.Lock) time.Time {
	if l.Spec.ExpiresAt == nil {
		return time.Time{}
	}
	return l.Spec.ExpiresAt.Time
}

// until shows the end of a lock to people.
func until(l slipway.Lock) string {
	if l.Spec.ExpiresAt == nil {
		return "it is given back"
	}
	return l.Spec.ExpiresAt.UTC().Format("2006-01-02 15:04 MST")
}

// heldBy says who holds something, until when, and why.
func heldBy(l slipway.Lock) string {
	text := "held by " + l.Spec.Owner.URL
	if l.Spec.User != "" {
		text += " for " + l.Spec.User
	}
	text += " until " + until(l)
	if l.Spec.Reason != "" {
		text += ": " + clip(l.Spec.Reason, 200)
	}
	return text
}
