package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

const (
	// mostQueued pull requests wait for one lock.
	mostQueued = 50
	// reasonFree is why a pull request is looked at whose turn it is.
	reasonFree = "lock free"
	// conditionTold says on a lock that the pull request whose turn it is has been told.
	conditionTold = "Told"
)

// free gives up a lock as it was read, whoever holds it: the first of its queue has it next, or the one that is named, for as long as a turn
// lasts; without a queue it is removed. Then the controller looks at the application again. The error is a conflict if the lock changed.
func (b *Bot) free(ctx context.Context, l slipway.Lock, to *slipway.LockOwner) error {
	next, rest, err := b.following(ctx, l, to)
	if err != nil {
		return err
	}
	if next == nil {
		uid, version := l.UID, l.ResourceVersion
		err = b.Client.Delete(ctx, &l, client.Preconditions{UID: &uid, ResourceVersion: &version})
		err = client.IgnoreNotFound(err)
	} else {
		err = b.hand(ctx, &l, *next, rest)
	}
	if err != nil {
		return fmt.Errorf("giving up lock %s: %w", l.Name, err)
	}
	if a := l.Spec.Application; a != nil {
		return b.nudge(ctx, a.Namespace, a.Name)
	}
	return nil
}

// following is who has a lock next, and who waits after them. Pull requests that are gone or closed are passed over.
func (b *Bot) following(ctx context.Context, l slipway.Lock, to *slipway.LockOwner) (*slipway.LockRequest, []slipway.LockRequest, error) {
	queue := slices.Clone(l.Spec.Queue)
	if to != nil {
		slices.SortStableFunc(queue, func(a, b slipway.LockRequest) int {
			switch {
			case a.Owner.Same(*to) == b.Owner.Same(*to):
				return 0
			case a.Owner.Same(*to):
				return -1
			}
			return 1
		})
	}
	for i, q := range queue {
		res := &slipway.PullRequest{}
		err := b.Reader.Get(ctx, b.pullOf(q.Owner), res)
		if apierrors.IsNotFound(err) || err == nil && res.Status.State == slipway.StateClosed {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading who waits for lock %s: %w", l.Name, err)
		}
		return &queue[i], queue[i+1:], nil
	}
	return nil, nil, nil
}

func (b *Bot) pullOf(o slipway.LockOwner) types.NamespacedName {
	return types.NamespacedName{Namespace: b.Namespace, Name: slipway.PullRequestName(o.Host, o.RepositoryID, o.Number)}
}

// hand makes the next one the owner of a lock, and has its pull request looked at.
func (b *Bot) hand(ctx context.Context, l *slipway.Lock, next slipway.LockRequest, rest []slipway.LockRequest) error {
	expires := metav1.NewTime(b.Now().Add(b.Turn))
	l.Spec = slipway.LockSpec{
		Application: l.Spec.Application, Environment: l.Spec.Environment, Owner: next.Owner, User: next.User, Reason: next.Reason,
		AcquiredAt: metav1.NewMicroTime(b.Now()), ExpiresAt: &expires, Turn: true, Queue: rest,
	}
	if err := b.Client.Update(ctx, l); err != nil {
		return err
	}
	meta.RemoveStatusCondition(&l.Status.Conditions, conditionTold)
	if err := b.Client.Status().Update(ctx, l); err != nil && !apierrors.IsConflict(err) {
		return err
	}
	b.Log.Info("a lock passes on to the next of its queue", "lock", l.Name, "owner", next.Owner.URL, "user", next.User)
	err := b.asked(ctx, b.pullOf(next.Owner), slipway.Asked{At: metav1.NewMicroTime(b.Now()), Reason: reasonFree})
	return client.IgnoreNotFound(err)
}

// standIn has a command stand in the queues of the locks that are in its way, and says which place it has. With --wait it stays pending and
// runs when its turn comes, if it is allowed then; else it ends here, and its pull request is told.
func (v *visit) standIn(ctx context.Context, o order, in intent) error {
	others, err := v.others(ctx)
	if err != nil {
		return err
	}
	var lines []string
	for _, name := range v.needed(in) {
		theirs, held := others[name]
		if !held {
			continue
		}
		place, err := v.join(ctx, theirs, o)
		if err != nil {
			return err
		}
		if place > 0 {
			lines = append(lines, fmt.Sprintf("- %s: number %d in the queue, after %s (until %s)\n", quote(subject(theirs)), place, escape(theirs.Spec.Owner.URL), until(theirs)))
		}
	}
	begin := prefix(v.res.Spec.Forge)
	if !o.cmd.Wait {
		reason := "Another pull request holds it. This one waits in the queue:\n\n" + strings.Join(lines, "") +
			"\nWhen it is its turn, a comment says so. " + quote(begin+"unlock") + " leaves the queue; with " + quote("--wait") + " the command would run by itself."
		return v.refuse(ctx, o, reason, in.gates)
	}
	text := "### Waiting\n\n" + quote(o.Text) + " by " + quote(o.user.Login) + " runs by itself when it is its turn, if it is still allowed then:\n\n" +
		strings.Join(lines, "") + "\n" + quote(begin+"unlock") + " leaves the queue, and drops the command.\n"
	if err := v.progress(ctx, o.Command, text, nil, o.ReplyID == ""); err != nil {
		return err
	}
	o.Message = messageWaits
	v.again(time.Minute) // the lock's end asks for a look before that
	return v.save(ctx)
}

// messageWaits is the message of a command that stands in a queue.
const messageWaits = "waits in the queue"

// needed are the names of all locks that a command needs.
func (v *visit) needed(in intent) []string {
	var names []string
	for _, environment := range in.environments() {
		names = append(names, v.lockNames(in.apps, environment)...)
	}
	return names
}

// join stands in the queue of a lock of another's, and gives the place; 0 when the lock came free meanwhile.
func (v *visit) join(ctx context.Context, l slipway.Lock, o order) (place int, err error) {
	owner := v.owner()
	err = v.requeue(ctx, l.Name, func(have *slipway.Lock) bool {
		if have.Spec.Owner.Same(owner) {
			place = 0
			return false
		}
		at := slices.IndexFunc(have.Spec.Queue, func(q slipway.LockRequest) bool { return q.Owner.Same(owner) })
		if at >= 0 {
			place = at + 1
			return false
		}
		if place = len(have.Spec.Queue) + 1; place > mostQueued {
			return false
		}
		have.Spec.Queue = append(have.Spec.Queue, slipway.LockRequest{
			Owner: owner, User: o.user.Login, Reason: clip(o.cmd.Reason, 200), Command: clip(o.Text, 200), AskedAt: metav1.NewMicroTime(v.Now()),
		})
		return true
	})
	return place, err
}

// leave steps out of the queues that this pull request stands in, of the locks that are named, or of all with nil.
func (v *visit) leave(ctx context.Context, named func(slipway.Lock) bool) (left []slipway.Lock, err error) {
	all, err := v.allLocks(ctx)
	if err != nil {
		return nil, err
	}
	owner := v.owner()
	ours := func(q slipway.LockRequest) bool { return q.Owner.Same(owner) }
	for _, l := range all {
		if !slices.ContainsFunc(l.Spec.Queue, ours) || named != nil && !named(l) {
			continue
		}
		err := v.requeue(ctx, l.Name, func(have *slipway.Lock) bool {
			have.Spec.Queue = slices.DeleteFunc(have.Spec.Queue, ours)
			return true
		})
		if err != nil {
			return left, err
		}
		left = append(left, l)
	}
	return left, nil
}

// requeue changes the queue of a lock, read anew until nobody writes at the same time. One that is gone is left alone.
func (v *visit) requeue(ctx context.Context, name string, change func(*slipway.Lock) bool) error {
	const tries = 10
	for range tries {
		have := &slipway.Lock{}
		err := v.Reader.Get(ctx, client.ObjectKey{Namespace: v.Namespace, Name: name}, have)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading lock %s: %w", name, err)
		}
		if !change(have) {
			return nil
		}
		if err = v.Client.Update(ctx, have); err == nil {
			return nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("queueing for lock %s: %w", name, err)
		}
	}
	return fmt.Errorf("queueing for lock %s: it changes too fast", name)
}

// turns tells, once for each lock, that it is this pull request's turn. A command that waits for it needs no telling: it runs.
func (v *visit) turns(ctx context.Context) error {
	locks, err := v.locks(ctx)
	if err != nil {
		return err
	}
	for _, l := range locks {
		if !l.Spec.Turn || meta.IsStatusConditionTrue(l.Status.Conditions, conditionTold) || l.Expired(v.Now()) {
			continue
		}
		if !v.waits() {
			m := marker("turn", fmt.Sprintf("%s-%s-%d", v.res.Name, l.Name, l.Spec.AcquiredAt.UnixMicro()))
			if _, err := v.say(ctx, m, 0, marked(m, v.turnText(l))); err != nil {
				return fmt.Errorf("telling whose turn it is: %w", err)
			}
		}
		meta.SetStatusCondition(&l.Status.Conditions, metav1.Condition{Type: conditionTold, Status: metav1.ConditionTrue, Reason: "Turn",
			LastTransitionTime: metav1.NewTime(v.Now())})
		if err := v.Client.Status().Update(ctx, &l); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("noting who was told: %w", err)
		}
		v.Record(v.res, "LockTurn", subject(l))
	}
	return nil
}

// waits says whether a command of this pull request stands in a queue.
func (v *visit) waits() bool {
	return slices.ContainsFunc(v.res.Status.Commands, func(c slipway.Command) bool {
		return c.Phase == slipway.CommandPending && c.Message == messageWaits
	})
}

func (v *visit) turnText(l slipway.Lock) string {
	begin := prefix(v.res.Spec.Forge)
	target := l.Spec.Environment
	if target == "" {
		target = "app:" + subject(l)
	}
	return fmt.Sprintf("### 🔓 Your turn\n\n%s is free, and kept for this pull request until %s. Give %s again; %s lets the next one have it.\n",
		quote(subject(l)), until(l), quote(begin+string(command.Sync)+" "+target), quote(begin+string(command.Unlock)))
}

// abandon ends the commands that wait in queues which were left.
func (v *visit) abandon(ctx context.Context) error {
	for i := range v.res.Status.Commands {
		c := &v.res.Status.Commands[i]
		if c.Phase != slipway.CommandPending || c.Message != messageWaits {
			continue
		}
		o := order{Command: c, user: forge.User{ID: c.AuthorID, Login: c.Author}}
		if err := v.reply(ctx, c, report.Refusal(c.Text, "It waited in a queue, and the queue was left.", nil)); err != nil {
			return err
		}
		if err := v.done(ctx, o, slipway.CommandRefused, "the queue was left", forge.Confused); err != nil {
			return err
		}
	}
	return nil
}

// endTurns gives back the locks that were handed to this pull request for what a command was about.
func (v *visit) endTurns(ctx context.Context, o order) error {
	locks, err := v.locks(ctx)
	if err != nil {
		return err
	}
	for _, l := range locks {
		a := l.Spec.Application
		if !l.Spec.Turn || a != nil && !slices.Contains(o.Applications, a.Namespace+"/"+a.Name) {
			continue
		}
		if err := v.drop(ctx, l); err != nil {
			return err
		}
	}
	return nil
}
