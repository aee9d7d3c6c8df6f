package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// vouched begins status.trustedBy where somebody's word, not the author's permission, made a head trusted.
const vouched = "ok-to-test by "

// judge says whether the head may be rendered: its author may write to the repository now, or someone who may has vouched for this very
// commit.
func (v *visit) judge(ctx context.Context) error {
	if v.pull.State != forge.Open {
		return nil
	}
	if err := v.vouch(ctx); err != nil {
		return err
	}
	return v.believe(ctx)
}

// believe says so by what is known, and hears no command.
func (v *visit) believe(ctx context.Context) error {
	if v.pull.State != forge.Open {
		return nil
	}
	own, err := v.authored(ctx)
	if err != nil {
		return err
	}
	s := &v.res.Status
	switch {
	case own:
		s.Trusted, s.TrustedSHA, s.TrustedBy = true, v.pull.Head.SHA, v.pull.Author.Login
	case s.TrustedSHA == v.pull.Head.SHA && strings.HasPrefix(s.TrustedBy, vouched):
		s.Trusted = true
	default:
		s.Trusted, s.TrustedSHA, s.TrustedBy = false, "", ""
	}
	return nil
}

// own says whether what is rendered was written by someone with write permission, or merged by one. A head that was only vouched for is
// rendered, but as a stranger's: without plugins, and with a cache of its own.
func (v *visit) own() bool {
	s := v.res.Status
	return v.pull.State == forge.Merged || s.Trusted && !strings.HasPrefix(s.TrustedBy, vouched)
}

// authored says whether the head's author has write permission. A head in a fork is the word of whoever owns the fork: it counts as its
// author's only if they are the same account. Other forks, an organisation's for one, are vouched for commit by commit.
func (v *visit) authored(ctx context.Context) (bool, error) {
	if v.pull.Fork() && (v.pull.HeadOwner == "" || v.pull.HeadOwner != v.pull.Author.Login) {
		return false, nil
	}
	permission, err := v.forge.Permission(ctx, v.repo, v.pull.Author)
	if err != nil {
		return false, fmt.Errorf("reading the author's permission: %w", err)
	}
	return permission >= forge.Write, nil
}
