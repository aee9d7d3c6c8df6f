package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// judge says whether the head may be rendered: its author may write to the repository now, or someone who may has vouched for this very
// commit.
func (v *visit) judge(ctx context.Context) error {
	if v.pull.State != forge.Open {
		return nil
	}
	if err := v.vouch(ctx); err != nil {
		return err
	}
	s := &v.res.Status
	if s.TrustedSHA == v.pull.Head.SHA && s.TrustedBy != "" && !strings.EqualFold(s.TrustedBy, v.pull.Author.Login) {
		s.Trusted = true
		return nil
	}
	own, err := v.authored(ctx)
	if err != nil {
		return err
	}
	s.Trusted, s.TrustedSHA, s.TrustedBy = own, "", ""
	if own {
		s.TrustedSHA, s.TrustedBy = v.pull.Head.SHA, v.pull.Author.Login
	}
	return nil
}

// authored says whether the head's author has write permission. The head of a fork is for the fork's owner to change, whoever opened the
// pull request; as nobody can tell here who that is, it is vouched for commit by commit.
func (v *visit) authored(ctx context.Context) (bool, error) {
	if v.pull.Fork() {
		return false, nil
	}
	permission, err := v.forge.Permission(ctx, v.repo, v.pull.Author)
	if err != nil {
		return false, fmt.Errorf("reading the author's permission: %w", err)
	}
	return permission >= forge.Write, nil
}
