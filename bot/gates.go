package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// Prospect is what a /sync of one environment would meet if somebody gave the command now.
type Prospect struct {
	// Environment that the pull request changes; "" are the applications in none.
	Environment string
	// Command is the one that is meant, as it is written on the forge: "/sync staging".
	Command string
	// Refusal is what stands in the way beside the gates, or "".
	Refusal string
	// Gates are those that a refusal would list, in its order.
	Gates []policy.Gate
	// Allowed is whether the command would run. Locked is whether nothing but the locks of others is in its way: it would queue.
	Allowed, Locked bool
}

// weighing bounds one look at the gates for a page.
const weighing = 30 * time.Second

// Gates says for each environment that the newest report of a pull request touches what a /sync by somebody would meet now: the forge and the
// cluster are asked as they are for a command, and the same rules decide. It reads and never writes: nothing is posted, no status is touched,
// no command that waits is carried out. An error is the forge's, the cluster's or git's, and says nothing about the gates.
func (b *Bot) Gates(ctx context.Context, p *slipway.PullRequest, by forge.User) ([]Prospect, error) {
	switch r := p.Status.Report; {
	case r == nil:
		return nil, ErrNoReport
	case r.Base == "":
		return nil, ErrUntrusted
	}
	key := fmt.Sprintf("gates %s %d %s", client.ObjectKeyFromObject(p), by.ID, by.Login)
	result := b.seen.DoChan(key, func() (any, error) {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), weighing)
		defer cancel()
		leave, err := enterRoom(within, b.making)
		if err != nil {
			return nil, err
		}
		defer leave()
		return b.prospects(within, p.DeepCopy(), by)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-result:
		all, _ := got.Val.([]Prospect)
		return all, got.Err
	}
}

func (b *Bot) prospects(ctx context.Context, p *slipway.PullRequest, by forge.User) ([]Prospect, error) {
	v, err := b.glance(p)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{v.refresh, v.believe} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	g, err := v.stand(ctx)
	if err != nil {
		return nil, err
	}
	o := order{Command: &slipway.Command{}, user: by, bound: v.res.Status.ReportBefore(v.Now())}
	if err := v.permit(ctx, &o); err != nil {
		return nil, err
	}
	all, err := v.reachable(ctx, o.bound, g.policy)
	if err != nil {
		return nil, err
	}
	seen, err := v.reviews(ctx)
	if err != nil {
		return nil, err
	}
	v.verdicts = &seen
	var out []Prospect
	for _, targets := range targetsOf(all) {
		o.cmd = command.Command{Verb: command.Sync, Targets: targets}
		in, err := v.intend(ctx, o)
		if err != nil {
			return nil, err
		}
		one := Prospect{Command: prefix(p.Spec.Forge) + "sync " + written(targets), Refusal: in.refusal, Gates: in.gates, Allowed: in.allowed, Locked: in.locked && !in.allowed}
		if targets[0].Kind == command.Environment {
			one.Environment = targets[0].Name
		}
		out = append(out, one)
	}
	return out, nil
}

// targetsOf are the environments of applications, one by one, and then, together, those that are in none.
func targetsOf(all []reach) [][]command.Target {
	var out [][]command.Target
	var loose []command.Target
	for _, r := range all {
		t := command.Target{Kind: command.Environment, Name: r.environment}
		switch {
		case r.environment == "":
			loose = append(loose, command.Target{Kind: command.Application, Name: r.name()})
		case !slices.ContainsFunc(out, func(known []command.Target) bool { return known[0] == t }):
			out = append(out, []command.Target{t})
		}
	}
	if loose != nil {
		out = append(out, loose)
	}
	return out
}

func written(targets []command.Target) string {
	var words []string
	for _, t := range targets {
		words = append(words, t.String())
	}
	return strings.Join(words, " ")
}
