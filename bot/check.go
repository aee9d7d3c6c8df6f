package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// announce shows a check that is under way on a head that has none, as the first sign of life, or where somebody asked for it again, and ends
// the one of a head that was replaced.
func (v *visit) announce(ctx context.Context) error {
	s := &v.res.Status
	if s.CheckState == slipway.CheckPending && s.CheckHead != v.pull.Head.SHA {
		if err := v.endCheck(ctx, report.Superseded(v.pull.Head.SHA)); err != nil {
			return err
		}
	}
	there := s.CheckHead == v.pull.Head.SHA && s.CheckState != "" && s.CheckRunID != ""
	if v.pull.State == forge.Open && there && s.CheckState != slipway.CheckPending && v.rerun() {
		if err := v.setCheck(ctx, report.Pending(v.pull.Head.SHA)); err != nil {
			return err
		}
		return v.save(ctx)
	}
	if v.pull.State != forge.Open || there {
		return nil
	}
	c := report.Pending(v.pull.Head.SHA)
	c.New = v.unmade || s.CheckHead == "" && slices.Contains(v.asked.Reasons(), "pull_request.opened")
	s.CheckRunID, s.CheckHead, s.CheckState = "", v.pull.Head.SHA, slipway.CheckPending
	if err := v.save(ctx); err != nil { // before it is made: killed in between, the next look knows which head may have one
		return err
	}
	v.unmade = c.New
	if err := v.setCheck(ctx, c); err != nil {
		return err
	}
	v.unmade, v.bare = false, c.New
	return v.save(ctx)
}

// rerun says whether somebody asked for the check again, or for all of them.
func (v *visit) rerun() bool {
	return slices.ContainsFunc(v.asked.Reasons(), func(reason string) bool {
		return reason == "check_run.rerequested" || reason == "check_suite.rerequested"
	})
}

// endCheck ends a check that says nothing about a head any more. Its commit may be gone from the forge, and the check with it.
func (v *visit) endCheck(ctx context.Context, c forge.Check) error {
	err := v.setCheck(ctx, c)
	if errors.Is(err, forge.ErrInvalid) || errors.Is(err, forge.ErrNotFound) {
		v.log.Warn("a check cannot be ended", "head", v.res.Status.CheckHead, "error", err)
		err = nil
	}
	return err
}

// setCheck writes the check of the status' CheckHead. Its key makes it one, however often it is created.
func (v *visit) setCheck(ctx context.Context, c forge.Check) error {
	s := &v.res.Status
	c.ID, c.SHA, c.ExternalID = number(s.CheckRunID), s.CheckHead, v.res.Name+"/"+s.CheckHead
	c.DetailsURL, c.Bare = v.address(v.res), v.bare
	v.bare = v.bare && len(c.Annotations) == 0
	if c.Status == forge.Completed {
		c.CompletedAt = v.Now()
	}
	if group, err := v.isGroup(ctx, c.SHA); err != nil || group {
		s.CheckState = checkState(c)
		return err
	}
	said, err := v.worst(ctx, c)
	if err != nil {
		return err
	}
	id, err := v.forge.SetCheck(ctx, v.repo, said)
	if err != nil {
		return fmt.Errorf("setting the check: %w", err)
	}
	s.CheckRunID, s.CheckState = text(id), checkState(c)
	v.shown(said.Buttons)
	return nil
}

func checkState(c forge.Check) string {
	switch {
	case c.Status != forge.Completed:
		return slipway.CheckPending
	case c.Conclusion == forge.Success:
		return slipway.CheckSuccess
	case c.Conclusion == forge.Failure:
		return slipway.CheckFailure
	}
	return slipway.CheckNeutral
}
