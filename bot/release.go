package bot

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// expire gives back the locks that have ended: by their time, or because the pull request is no longer open. Where that was not asked for,
// a comment says what it means.
func (v *visit) expire(ctx context.Context) error {
	locks, err := v.locks(ctx)
	if err != nil {
		return err
	}
	for _, l := range locks {
		if why := v.ended(l); why != "" {
			if err := v.end(ctx, l, why); err != nil {
				return err
			}
			continue
		}
		if at := ends(l); !at.IsZero() {
			v.again(at.Sub(v.Now()))
		}
	}
	if v.pull.State == forge.Closed {
		if _, err := v.leave(ctx, nil); err != nil {
			return err
		}
	}
	return v.turns(ctx)
}

// ended says why a lock of ours is over; empty while it is not. After a merge one stays only for a command that waited for it or runs.
func (v *visit) ended(l slipway.Lock) string {
	switch {
	case v.pull.State == forge.Closed:
		return "The pull request is closed."
	case l.Expired(v.Now()):
		return "The time of the lock is up."
	case v.pull.State == forge.Merged && !l.Spec.Turn && !v.uses(l):
		return "The pull request is merged."
	}
	return ""
}

// uses says whether a command that is not over is about what a lock is on.
func (v *visit) uses(l slipway.Lock) bool {
	a := l.Spec.Application
	return slices.ContainsFunc(v.res.Status.Commands, func(c slipway.Command) bool {
		return c.Phase == slipway.CommandRunning && (a == nil || slices.Contains(c.Applications, a.Namespace+"/"+a.Name))
	})
}

// end gives a lock back that nobody asked for to be given back.
func (v *visit) end(ctx context.Context, l slipway.Lock, why string) error {
	if v.pull.State != forge.Merged || l.Expired(v.Now()) {
		text, err := v.goesBack(ctx, l)
		if err != nil {
			return err
		}
		m := marker("unlocked", fmt.Sprintf("%s-%s-%d", v.res.Name, l.UID, l.Spec.AcquiredAt.UnixMicro()))
		if _, err := v.say(ctx, m, 0, marked(m, "### 🔓 Given back\n\n"+why+"\n\n"+text)); err != nil {
			return fmt.Errorf("telling that a lock ended: %w", err)
		}
	}
	v.log.Info("a lock ends", "lock", l.Name, "subject", subject(l), "why", why)
	v.Record(v.res, "Unlocked", subject(l)+": "+why)
	return v.release(ctx, l)
}

// release gives a lock back, and before that lets the commit go that was kept for it: whoever has the lock next keeps theirs under the same
// name.
func (v *visit) release(ctx context.Context, l slipway.Lock) error {
	v.unkeep(ctx, l)
	return v.drop(ctx, l)
}

func (v *visit) unkeep(ctx context.Context, l slipway.Lock) {
	if l.Spec.Revision == "" || l.Spec.Owner.RepositoryID != v.res.Spec.Repository.ID {
		return
	}
	if err := v.Mirrors.Mirror(v.repo.CloneURL).Release(ctx, l.Name); err != nil {
		v.log.Warn("a kept commit could not be let go", "name", l.Name, "error", err)
	}
}

// goesBack says what becomes of an application when its lock is given back.
func (v *visit) goesBack(ctx context.Context, l slipway.Lock) (string, error) {
	ref := l.Spec.Application
	if ref == nil {
		return fmt.Sprintf("- %s is open to other pull requests\n", quote(l.Spec.Environment)), nil
	}
	app := &argo.Application{}
	err := v.Reader.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, app)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("- %s is no longer there\n", quote(ref.Name)), nil
	case err != nil:
		return "", fmt.Errorf("reading application %s: %w", ref.Name, err)
	case l.Spec.Revision == "":
		return fmt.Sprintf("- %s was not deployed by it\n", quote(app.Name)), nil
	case app.Spec.SyncPolicy.IsAutomated():
		return fmt.Sprintf("- %s goes back to its base now, by its automated sync\n", quote(app.Name)), nil
	}
	return fmt.Sprintf("- %s has no automated sync: it stays at %s until someone syncs it\n", quote(app.Name), quote(l.Spec.Revision)), nil
}
