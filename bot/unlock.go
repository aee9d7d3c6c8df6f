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

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// unlock carries out an /unlock: it gives back what this pull request holds, and leaves the queues that it stands in. With --force it takes
// from other pull requests what the command names as well.
func (v *visit) unlock(ctx context.Context, o order) error {
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	locks, queued, err := v.given(ctx, o, g)
	if err != nil {
		return err
	}
	d, err := v.decideUnlock(ctx, o, g, locks)
	if err != nil {
		return err
	}
	switch {
	case !d.Allowed:
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	case len(locks) == 0 && len(queued) == 0:
		return v.refuse(ctx, o, "This pull request holds nothing of that.", nil)
	}
	text, err := v.unlockText(ctx, o, locks, queued)
	if err != nil {
		return err
	}
	if err := v.reply(ctx, o.Command, text); err != nil {
		return err
	}
	if o.cmd.DryRun {
		return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
	}
	if err := v.giveBack(ctx, o, locks, queued); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// given are the locks that an /unlock is about, and those in whose queue this pull request stands.
func (v *visit) given(ctx context.Context, o order, g *ground) (locks, queued []slipway.Lock, err error) {
	all, err := v.allLocks(ctx)
	if err != nil {
		return nil, nil, err
	}
	is, err := v.named(ctx, o, g)
	if err != nil {
		return nil, nil, err
	}
	reach, err := v.reachable(ctx, v.res.Status.CurrentReport(), g.policy)
	if err != nil {
		return nil, nil, err
	}
	owner := v.owner()
	for _, l := range all {
		ours := l.Spec.Owner.Same(owner)
		theirs := o.cmd.Force && len(o.cmd.Targets) > 0 && !ours && v.touches(l, reach)
		if (ours || theirs) && is(l) {
			locks = append(locks, l)
		} else if is(l) && slices.ContainsFunc(l.Spec.Queue, func(q slipway.LockRequest) bool { return q.Owner.Same(owner) }) {
			queued = append(queued, l)
		}
	}
	return locks, queued, nil
}

// touches says whether a lock is on something that this pull request may command: an application that it changes, or an environment of one.
func (v *visit) touches(l slipway.Lock, all []reach) bool {
	return slices.ContainsFunc(all, func(r reach) bool {
		if a := l.Spec.Application; a != nil {
			return a.Namespace == r.app.Namespace && a.Name == r.app.Name
		}
		return l.Name == v.environmentLock(r.environment)
	})
}

// named tells whether a command names what a lock is on; without a name, everything.
func (v *visit) named(ctx context.Context, o order, g *ground) (func(slipway.Lock) bool, error) {
	if len(o.cmd.Targets) == 0 {
		return func(slipway.Lock) bool { return true }, nil
	}
	apps, err := v.applications(ctx)
	if err != nil {
		return nil, err
	}
	return func(l slipway.Lock) bool {
		if l.Spec.Application == nil {
			return slices.ContainsFunc(o.cmd.Targets, func(t command.Target) bool {
				return t.Kind == command.Environment && l.Name == v.environmentLock(t.Name)
			})
		}
		return slices.ContainsFunc(apps, func(app *argo.Application) bool {
			if app.Namespace != l.Spec.Application.Namespace || app.Name != l.Spec.Application.Name {
				return false
			}
			r := reach{app: app, environment: g.policy.Environment(app.Name, app.Labels)}
			return slices.ContainsFunc(o.cmd.Targets, func(t command.Target) bool { return names(r, t) })
		})
	}, nil
}

// decideUnlock asks the policy of each environment that would be given back.
func (v *visit) decideUnlock(ctx context.Context, o order, g *ground, locks []slipway.Lock) (policy.Decision, error) {
	all, owner := v.decide(o, g), v.owner()
	for _, l := range locks {
		environment, err := v.environmentOf(ctx, g, l)
		if err != nil {
			return policy.Decision{}, err
		}
		in := policy.Input{Command: o.cmd, User: o.user, Permission: o.permission, PullRequest: v.pull, Environment: g.policy.Named(environment), Fault: g.fault}
		if in.Teams, err = v.teams(ctx, o.user, g.policy.Teams(environment)); err != nil {
			return policy.Decision{}, err
		}
		if in.Grants, err = v.grantsOf(ctx, o, l); err != nil {
			return policy.Decision{}, err
		}
		if !l.Spec.Owner.Same(owner) {
			in.Locks = []policy.Held{{Application: subject(l), Owner: l.Spec.Owner.URL, User: l.Spec.User}}
		}
		if d := policy.Evaluate(in); !d.Allowed {
			return d, nil
		}
	}
	return all, nil
}

func (v *visit) environmentOf(ctx context.Context, g *ground, l slipway.Lock) (string, error) {
	ref := l.Spec.Application
	if ref == nil {
		return l.Spec.Environment, nil
	}
	app := &argo.Application{}
	err := v.Client.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, app)
	if apierrors.IsNotFound(err) {
		return "", nil // it is gone, and with it its rules
	}
	if err != nil {
		return "", fmt.Errorf("reading application %s: %w", ref.Name, err)
	}
	return g.policy.Environment(app.Name, app.Labels), nil
}

func (v *visit) unlockText(ctx context.Context, o order, locks, queued []slipway.Lock) (string, error) {
	var b strings.Builder
	if o.cmd.DryRun {
		b.WriteString("### Dry run\n\nNothing was given back. This would be:\n\n")
	} else {
		b.WriteString("### 🔓 Given back\n\n")
	}
	owner := v.owner()
	for _, l := range locks {
		line, err := v.goesBack(ctx, l)
		if err != nil {
			return "", err
		}
		if !l.Spec.Owner.Same(owner) {
			line = strings.TrimSuffix(line, "\n") + ", taken from " + escape(l.Spec.Owner.URL) + "\n"
		}
		if n := len(l.Spec.Queue); n > 0 {
			line = strings.TrimSuffix(line, "\n") + "; " + escape(l.Spec.Queue[0].Owner.URL) + " is next\n"
		}
		b.WriteString(line)
	}
	for _, l := range queued {
		fmt.Fprintf(&b, "- the place in the queue for %s\n", quote(subject(l)))
	}
	return b.String(), nil
}

// giveBack does what an /unlock was allowed to. Whoever loses a lock by force is told.
func (v *visit) giveBack(ctx context.Context, o order, locks, queued []slipway.Lock) error {
	owner := v.owner()
	for _, l := range locks {
		v.log.Info("unlocked", "lock", l.Name, "subject", subject(l), "owner", l.Spec.Owner.URL, "by", o.user.Login, "forced", !l.Spec.Owner.Same(owner))
		v.Record(v.res, "Unlocked", fmt.Sprintf("%s by %s", subject(l), o.user.Login))
		if l.Spec.Owner.Same(owner) {
			if err := v.release(ctx, l); err != nil {
				return err
			}
			continue
		}
		if err := v.tellLoser(ctx, o, l); err != nil {
			return err
		}
		v.unkeep(ctx, l)
		if err := v.dropTo(ctx, l, &owner); err != nil {
			return err
		}
	}
	if len(queued) == 0 {
		return nil
	}
	if _, err := v.leave(ctx, func(l slipway.Lock) bool {
		return slices.ContainsFunc(queued, func(q slipway.Lock) bool { return q.Name == l.Name })
	}); err != nil {
		return err
	}
	return v.abandon(ctx)
}

// tellLoser says on the pull request that holds a lock that it is taken away, where that is in the same repository.
func (v *visit) tellLoser(ctx context.Context, o order, l slipway.Lock) error {
	holder := l.Spec.Owner
	if holder.RepositoryID == v.res.Spec.Repository.ID && strings.EqualFold(holder.Host, v.res.Spec.Host) {
		m := marker("taken", o.OperationID+"-"+l.Name)
		said, err := v.forge.Comments(ctx, v.repo, holder.Number, o.CreatedAt.Add(-overlap))
		if err != nil {
			return fmt.Errorf("telling who held lock %s: %w", l.Name, err)
		}
		if findMarked(said, m) == 0 {
			text := fmt.Sprintf("### 🔓 Taken away\n\n%s was unlocked with force by %s on %s", quote(subject(l)), quote(o.user.Login), escape(v.url()))
			if o.cmd.Reason != "" {
				text += ": " + quote(clip(o.cmd.Reason, 200))
			}
			if _, err := v.forge.CreateComment(ctx, v.repo, holder.Number, marked(m, text+".\n")); err != nil {
				return fmt.Errorf("telling who held lock %s: %w", l.Name, err)
			}
		}
	}
	err := v.Bot.asked(ctx, v.pullOf(holder), slipway.Asked{At: metav1.NewMicroTime(v.Now().Add(time.Microsecond)), Reason: reasonFree})
	return client.IgnoreNotFound(err)
}
