package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// earlierOf is the command that was given right before another in the same comment; nil for the first. The commands of a comment are carried
// out one after the other.
func (v *visit) earlierOf(c *slipway.Command) *slipway.Command {
	if c.ID == 0 {
		return nil // a button says one thing
	}
	var before *slipway.Command
	for i := range v.res.Status.Commands {
		other := &v.res.Status.Commands[i]
		if other == c || other.OperationID == c.OperationID {
			return before
		}
		if other.ID == c.ID {
			before = other
		}
	}
	return before
}

// acts says whether a command changes something beyond what is shown.
func acts(verb command.Verb) bool {
	return !slices.Contains([]command.Verb{command.Diff, command.Status, command.Help, command.OKToTest}, verb)
}

// leftOut says why a command is not carried out for the sake of the one before it in its comment; empty when it is. What only shows something
// is shown.
func leftOut(before *slipway.Command, c command.Command) string {
	if before == nil || before.Phase == slipway.CommandDone || c.Problem != "" || !acts(c.Verb) {
		return ""
	}
	return "The command before it in this comment, " + quote(clip(before.Text, 200)) + ", did not go through, and so this one was left out."
}

// ahead is how many commands wait for an application before one does: they have begun earlier, and their operation was not written yet.
func (v *visit) ahead(ctx context.Context, app *argo.Application, o order) (int, error) {
	pulls := &slipway.PullRequestList{}
	if err := v.Client.List(ctx, pulls, client.InNamespace(v.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("listing who waits for %s: %w", app.Name, err)
	}
	name, n := app.Namespace+"/"+app.Name, 0
	for i := range pulls.Items {
		p := &pulls.Items[i]
		if p.Status.LastError != "" { // it may take long to come to its turn
			continue
		}
		for j := range p.Status.Commands {
			if c := &p.Status.Commands[j]; goesFirst(c, o.Command) && slices.Contains(c.Applications, name) && !carries(app, c.OperationID) &&
				v.Now().Sub(c.StartedAt.Time) < v.SyncTimeout {
				n++
			}
		}
	}
	return n, nil
}

// goesFirst says whether a command has begun before another.
func goesFirst(c, than *slipway.Command) bool {
	if c.Phase != slipway.CommandRunning || c.StartedAt == nil || than.StartedAt == nil || c.OperationID == than.OperationID {
		return false
	}
	if c.StartedAt.Time.Equal(than.StartedAt.Time) {
		return strings.Compare(c.OperationID, than.OperationID) < 0
	}
	return c.StartedAt.Time.Before(than.StartedAt.Time)
}

// placeText says what a command waits for before its operation can be written.
func placeText(busy bool, ahead int) string {
	switch {
	case ahead > 0:
		return fmt.Sprintf("number %d in the queue: other syncs of this application are asked for before it", ahead+1)
	case busy:
		return "another operation of this application is under way; this one is next"
	}
	return ""
}
