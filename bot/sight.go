package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// Seen is a pull request's newest report whole, for a page.
type Seen struct {
	// Report is what the comment says, without its limits.
	Report report.Input
	// Policy is that of the report's base, and Fault in Report.Policy what is wrong with it.
	Policy policy.Policy
}

// The reasons for which there is nothing whole to see.
var (
	// ErrNoReport: there is none yet.
	ErrNoReport = errors.New("there is no report yet")
	// ErrUntrusted: the report says that nothing was rendered.
	ErrUntrusted = errors.New("nothing of it is rendered before somebody vouches for it")
	// ErrGone: its commits are no longer to be had.
	ErrGone = errors.New("the commits of the report are no longer there")
)

// seeing bounds one making of a report for a page.
const seeing = 2 * time.Minute

// See gives the newest report of a pull request. It is at hand where this process made it; else it is made again from its commits,
// once for all who ask at a time. See reads and never writes: nothing is posted, no status is touched.
func (b *Bot) See(ctx context.Context, p *slipway.PullRequest) (Seen, error) {
	r := p.Status.Report
	switch {
	case r == nil:
		return Seen{}, ErrNoReport
	case r.Base == "":
		return Seen{}, ErrUntrusted
	}
	key := client.ObjectKeyFromObject(p).String() + " " + r.Base + " " + r.Head
	result := b.seen.DoChan(key, func() (any, error) {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), seeing)
		defer cancel()
		return b.see(within, p.DeepCopy())
	})
	select {
	case <-ctx.Done():
		return Seen{}, ctx.Err()
	case got := <-result:
		seen, _ := got.Val.(Seen)
		return seen, got.Err
	}
}

func (b *Bot) see(ctx context.Context, p *slipway.PullRequest) (Seen, error) {
	v, err := b.onlooker(p)
	if err != nil {
		return Seen{}, err
	}
	r := p.Status.Report
	c, known := v.memory.change(v.key, r.Base, r.Head)
	g, err := v.reportGround(ctx, r)
	if err != nil {
		return Seen{}, err
	}
	if !known {
		select {
		case b.making <- struct{}{}:
			defer func() { <-b.making }()
		case <-ctx.Done():
			return Seen{}, ctx.Err()
		}
		if c, err = v.anew(ctx, g, r); err != nil {
			return Seen{}, err
		}
	}
	seen := Seen{Policy: g.policy, Report: report.Input{Change: c, Policy: g.fault, Proposed: v.proposal(ctx, g, r), Command: prefix(p.Spec.Forge), Version: b.Version,
		Remarks: v.remarks()}}
	if seen.Report.Next, err = v.next(ctx, g, c); err != nil {
		return Seen{}, err
	}
	return seen, nil
}

// glance is a look for a page, which reads only: it is no part of the reconciler's, and its resource is a copy that is thrown away.
func (b *Bot) glance(p *slipway.PullRequest) (*visit, error) {
	site, err := b.site(p.Spec.Forge, p.Spec.Host)
	if err != nil {
		return nil, err
	}
	return &visit{
		Bot: b, log: b.Log.With("pullrequest", p.Name, "for", "page"), key: types.NamespacedName{Namespace: p.Namespace, Name: p.Name}, forge: site,
		res: p, saved: p.DeepCopy(), repo: repositoryOf(p.Spec), fresh: map[string]bool{}, onPage: true,
	}, nil
}

// onlooker is a glance at the pull request as it was when its newest report was made.
func (b *Bot) onlooker(p *slipway.PullRequest) (*visit, error) {
	v, err := b.glance(p)
	if err != nil {
		return nil, err
	}
	v.recall()
	r := p.Status.Report
	v.pull.Head.SHA = r.Head
	if merged := v.pull.State == forge.Merged && p.Status.HeadSHA == r.Head; !merged && p.Status.TrustedSHA != r.Head {
		p.Status.Trusted, p.Status.TrustedBy, v.pull.State = false, "", forge.Open // what is known of another head says nothing of this one
	}
	return v, nil
}

// reportGround is the base that a report stands on, fetched only where it is not at hand.
func (v *visit) reportGround(ctx context.Context, r *slipway.Report) (*ground, error) {
	g := &ground{mirror: v.Mirrors.Mirror(v.repo.CloneURL)}
	base := git.Hash(r.Base)
	if !g.mirror.Repository().Has(ctx, base) {
		if err := g.mirror.Fetch(ctx, v.auth); err != nil {
			return nil, fmt.Errorf("fetching the base branch: %w", err)
		}
	}
	tree, err := g.mirror.Repository().Tree(ctx, base)
	if errors.Is(err, git.ErrUnknownRevision) {
		return nil, fmt.Errorf("%w: base %s", ErrGone, r.Base)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the base: %w", err)
	}
	g.base = tree
	if g.policy, g.fault, err = readPolicy(tree); err != nil {
		return nil, err
	}
	v.ground = g
	return g, nil
}

// anew makes the change of a report again from its commits; merges of the same commits are the same.
func (v *visit) anew(ctx context.Context, g *ground, r *slipway.Report) (change.Change, error) {
	pulls, head, after := g.mirror.Pulls(), git.Hash(r.Head), git.Hash(r.Merged)
	if after == "" || !pulls.Has(ctx, after) {
		if !pulls.Has(ctx, head) {
			if err := v.fetchHead(ctx, g.mirror, head); err != nil {
				return change.Change{}, errors.Join(ErrGone, err)
			}
		}
		outcome, err := pulls.Merge(ctx, git.Hash(r.Base), head)
		if err != nil {
			return change.Change{}, fmt.Errorf("merging again: %w", err)
		}
		if len(outcome.Conflicts) > 0 {
			return change.Change{Base: r.Base, Head: r.Head, Conflicts: outcome.Conflicts}, nil
		}
		after = outcome.Commit
	}
	base, merged, err := v.pair(ctx, g, git.Hash(r.Base), after)
	if err != nil {
		return change.Change{}, err
	}
	c, err := v.between(ctx, g, base, merged)
	if err != nil {
		return change.Change{}, err
	}
	c.Head = r.Head
	v.memory.keep(v.key, c)
	return c, nil
}

// proposal is what is wrong with the policy file as the pull request would have it, where its tree is at hand.
func (v *visit) proposal(ctx context.Context, g *ground, r *slipway.Report) *object.Fault {
	if v.res.Status.State != slipway.StateOpen || r.Merged == "" {
		return nil
	}
	tree, err := g.mirror.Pulls().Tree(ctx, git.Hash(r.Merged))
	if err != nil {
		return nil // the report has told of it
	}
	_, fault, err := readPolicy(tree)
	if err != nil || fault == nil || g.fault != nil && *g.fault == *fault {
		return nil
	}
	return fault
}

// address is where a pull request's report stands whole, or "" where no pages are served.
func (b *Bot) address(p *slipway.PullRequest) string {
	if b.Page == "" {
		return ""
	}
	return fmt.Sprintf(b.Page, p.Name)
}

// Repository is the repository that a pull request belongs to, as the forge's interfaces take it.
func Repository(p *slipway.PullRequest) forge.Repository { return repositoryOf(p.Spec) }

// PullURL is a pull request's page on its forge.
func PullURL(p *slipway.PullRequest) string {
	v := visit{res: p, repo: repositoryOf(p.Spec)}
	return v.url()
}
