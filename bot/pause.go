package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// pause is a look that ended because the forge has us wait. The next one goes on with what it read, unless somebody asked anew meanwhile:
// reading it all again at each turn would use up the limits that are waited for.
type pause struct {
	// asked is what the look was an answer to, at when it read the pull request.
	asked metav1.MicroTime
	at    time.Time
	pull  forge.PullRequest
	// ground is what it stood on, where it came that far.
	ground *ground
	force  bool
	// unmade says that the check of the head was not made, for certain; bare that it is there, and that nothing was ever written on it.
	unmade, bare bool
}

// begin reads the pull request from the forge, or goes on with what a look read that had to wait. That holds for no longer than what a lost
// delivery told of may stay unseen.
func (v *visit) begin(ctx context.Context) error {
	p, ok := v.memory.resume(v.key)
	noted := v.res.Status.State
	if !ok || !p.asked.Equal(&v.asked.At) || v.Now().Sub(p.at) > v.Sweep || noted != "" && noted != slipway.StateOpen {
		return v.refresh(ctx)
	}
	v.repo, v.pull, v.ground = p.pull.Repository, p.pull, p.ground
	v.read, v.readAt, v.resumed = true, p.at, true
	v.force, v.unmade, v.bare = p.force, p.unmade, p.bare
	v.note()
	return nil
}

// paused keeps what a look has read, if it ended because the forge has us wait.
func (v *visit) paused(cause error) {
	if !v.read || v.readAt.IsZero() || v.pull.State != forge.Open {
		return
	}
	v.memory.pause(v.key, pause{asked: v.asked.At, at: v.readAt, pull: v.pull, ground: v.ground, force: v.force,
		unmade: v.unmade && unmade(cause), bare: v.bare})
}

// unmade says of an error that what was to be made is not there, for certain: the forge did not let us try.
func unmade(err error) bool {
	var limited *forge.RateLimited
	return errors.As(err, &limited) && !errors.Is(err, forge.ErrUncertain)
}

// catchUp has a look that had to wait for its turn answer what was asked meanwhile too, which else would take another look.
func (v *visit) catchUp(ctx context.Context) error {
	select {
	case <-v.pokes:
	default:
		return nil
	}
	now := &slipway.PullRequest{}
	if err := v.Reader.Get(ctx, v.key, now); err != nil {
		return fmt.Errorf("reading what is asked of %s: %w", v.key.Name, err)
	}
	if now.Spec.Asked.At.Equal(&v.asked.At) {
		return nil
	}
	v.resumed = true // what was read is of before
	if err := v.refresh(ctx); err != nil {
		return err
	}
	v.res.Spec, v.asked = now.Spec, now.Spec.Asked
	if equality.Semantic.DeepEqual(now.Status, v.saved.Status) {
		v.saved, v.res.ResourceVersion = now, now.ResourceVersion
	}
	return nil
}

// sure reads the pull request again where somebody's command is to be carried out by what an earlier look has read.
func (v *visit) sure(ctx context.Context) error {
	if !v.resumed || v.res.Status.Waiting() == 0 {
		return nil
	}
	return v.refresh(ctx)
}
