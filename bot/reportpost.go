package bot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/forge"
)

// post publishes the report of a change.
func (v *visit) post(ctx context.Context, g *ground, c change.Change) error {
	page, err := v.page(ctx, g, c)
	if err != nil {
		return err
	}
	if !v.commented() && quiet(g, c) {
		page.Body = ""
	}
	if c.Undecided() && page.Check.Conclusion == forge.Success {
		page.Check = report.Pending(c.Head) // what is still asked may fail it
	}
	r := slipway.Report{Base: c.Base, Head: c.Head, Merged: c.Merged, Applications: reportedApplications(c), Unverified: c.Unverified(),
		Incomplete: incomplete(c)}
	if err := v.publish(ctx, page, r); err != nil {
		return err
	}
	v.log.Info("report posted", "head", c.Head, "base", c.Base, "applications", len(c.Applications),
		"conclusion", page.Check.Conclusion, "took", c.Timings.Total, "since_asked", v.Now().Sub(v.asked.At.Time))
	return nil
}

// quiet says whether a change is worth no comment: it changes no application, and either the policy wants none then, or no application
// reads the repository at all. What is to be said of the policy is said.
func quiet(g *ground, c change.Change) bool {
	if report.Touched(c) || g.fault != nil || g.proposed != nil {
		return false
	}
	return g.policy.Comment == policy.CommentOnChanges || c.Considered == 0 && len(c.Sets) == 0
}

// commented says whether the pull request has its comment.
func (v *visit) commented() bool {
	r := v.res.Status.Report
	return r != nil && r.CommentID != ""
}

// page is the report of a change, and the check that goes with it.
func (v *visit) page(ctx context.Context, g *ground, c change.Change) (report.Page, error) {
	next, err := v.next(ctx, g, c)
	if err != nil {
		return report.Page{}, err
	}
	page := report.Comment(report.Input{
		Change: c, Policy: g.fault, Proposed: g.proposed, Limit: v.bodyLimit(), Command: prefix(v.res.Spec.Forge), Next: next, After: v.after(ctx), Version: v.Version, Page: v.address(v.res), Remarks: v.remarks(),
	})
	if v.pull.State == forge.Open {
		page.Check.Buttons = v.buttons(next)
	}
	return page, nil
}

// reportedApplications are what a command can be held against later. An application that cannot be rendered has no digest, and so
// matches nothing.
func reportedApplications(c change.Change) []slipway.ReportedApplication {
	var all []slipway.ReportedApplication
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged && !a.Failed() {
			continue
		}
		r := slipway.ReportedApplication{Namespace: a.Namespace, Name: a.Name, Environment: a.Environment, Broken: a.After.Fault != nil, Removed: a.Kind == change.Removed}
		if a.After.Fault == nil {
			r.Digest, r.Blocked = a.After.Digest, a.Guarded()
		}
		if r.Revisions = a.After.Revisions; len(r.Revisions) == 1 {
			r.Revision, r.Revisions = r.Revisions[0], nil
		}
		all = append(all, r)
	}
	return all
}

// incomplete says whether there may be applications that a change does not know of.
func incomplete(c change.Change) bool {
	return slices.ContainsFunc(c.Sets, func(s change.Set) bool { return s.Fault != nil })
}

// publish brings comment and check up to date, and then notes that it is done. A page without a body is a check without a comment. Killed before the note, the next look does the same
// again: the marker finds the comment, the key finds the check.
func (v *visit) publish(ctx context.Context, page report.Page, r slipway.Report) error {
	s := &v.res.Status
	section := v.previewSection()
	body := marked(reportMarker(v.res), report.WithPreview(page.Body, section))
	sum := sha256.Sum256([]byte(body))
	r.Digest = hex.EncodeToString(sum[:])
	if s.Report != nil {
		r.CommentID = s.Report.CommentID
	}
	if page.Body != "" && (r.CommentID == "" || s.Report.Digest != r.Digest) {
		id, err := v.sayReport(ctx, number(r.CommentID), body)
		if err != nil {
			return v.unsaid(ctx, page, fmt.Errorf("posting the report: %w", err))
		}
		r.CommentID = text(id)
		v.memory.noteEdit(v.reportEdit(), v.Now())
		if s.Environment != nil {
			s.Environment.Said = digestOf(section)
		}
	}
	if v.pull.State == forge.Open || s.CheckState == slipway.CheckPending {
		if err := v.showCheck(ctx, page.Check); err != nil {
			return err
		}
	}
	v.remember(r)
	return v.save(ctx)
}

// unsaid is what becomes of a report whose comment could not be posted. Where the forge has us wait for that the check ends all the same:
// merges wait for it, and it says what the comment will.
func (v *visit) unsaid(ctx context.Context, page report.Page, cause error) error {
	var limited *forge.RateLimited
	if !errors.As(cause, &limited) || v.pull.State != forge.Open {
		return cause
	}
	if err := v.showCheck(ctx, page.Check); err != nil {
		return errors.Join(cause, err)
	}
	return errors.Join(cause, v.save(ctx))
}

// showCheck writes the check of a report. What its buttons are is saved before anybody can press them.
func (v *visit) showCheck(ctx context.Context, c forge.Check) error {
	if len(c.Buttons) > 0 {
		if err := v.save(ctx); err != nil {
			return err
		}
	}
	return v.setCheck(ctx, c)
}

// remember makes r the newest report. One that promises the same as the last is the same report, and was posted when that was: who
// has read the one has read the other.
func (v *visit) remember(r slipway.Report) {
	s := &v.res.Status
	r.PostedAt = metav1.NewMicroTime(v.Now())
	s.BaseSHA = cmp.Or(r.Base, s.BaseSHA)
	if v.pull.State == forge.Open {
		s.MergedSHA = r.Merged
	}
	if s.CurrentReport() != nil && s.Report.Head == r.Head && (s.Report.Base == "") == (r.Base == "") && slices.EqualFunc(s.Report.Applications, r.Applications, promiseAlike) {
		r.PostedAt = s.Report.PostedAt
		s.Report = &r
		return
	}
	s.AddReport(r)
}

func promiseAlike(a, b slipway.ReportedApplication) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name && a.Environment == b.Environment && a.Digest == b.Digest
}

// sayReport edits our report, or creates it. Before the first one all comments have just been read: they need not be read again to look for it.
func (v *visit) sayReport(ctx context.Context, id int64, body string) (int64, error) {
	if id == 0 && v.unreported != nil {
		if id = findMarked(*v.unreported, reportMarker(v.res)); id == 0 {
			v.unreported = nil // should the answer be lost, it is looked for
			c, err := v.forge.CreateComment(ctx, v.repo, v.pull.Number, body)
			return c.ID, err
		}
	}
	return v.say(ctx, reportMarker(v.res), id, body)
}

// say edits our comment, or creates it when there is none: first it is looked for by its marker, as the answer to its creation may
// have been lost.
func (v *visit) say(ctx context.Context, marker string, id int64, body string) (int64, error) {
	if id == 0 {
		found, err := v.find(ctx, marker, time.Time{})
		if err != nil {
			return 0, err
		}
		id = found
	}
	if id != 0 {
		err := v.forge.EditComment(ctx, v.repo, v.pull.Number, id, body)
		if err == nil || !errors.Is(err, forge.ErrNotFound) {
			return id, err
		}
		v.log.Warn("our comment was deleted; a new one is made", "comment", id)
	}
	c, err := v.forge.CreateComment(ctx, v.repo, v.pull.Number, body)
	return c.ID, err
}

// next says, for each environment that the change touches, how it gets there.
func (v *visit) next(ctx context.Context, g *ground, c change.Change) ([]report.Environment, error) {
	others, err := v.others(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]*report.Environment{}
	var names []string
	for _, e := range g.policy.Environments {
		names = append(names, e.Name)
	}
	listed := len(names)
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged || a.Environment == "" {
			continue
		}
		e := byName[a.Environment]
		if e == nil {
			e = &report.Environment{Name: a.Environment, Automated: true, BeforeMerge: g.policy.Named(a.Environment).BeforeMerge}
			byName[a.Environment] = e
			if !slices.Contains(names, a.Environment) {
				names = append(names, a.Environment)
			}
		}
		e.Automated = e.Automated && a.Automated
		if e.Locked == "" {
			e.Locked = v.lockedBy(others, a.Namespace, a.Name, a.Environment)
		}
	}
	slices.Sort(names[listed:])
	var next []report.Environment
	for _, n := range names {
		if e := byName[n]; e != nil {
			next = append(next, *e)
		}
	}
	return next, nil
}

// lockedBy says for the report who holds an application or its environment; empty when nobody else does.
func (v *visit) lockedBy(others map[string]slipway.Lock, namespace, name, environment string) string {
	for _, key := range []string{slipway.LockName(slipway.LockApplication, namespace, name), v.environmentLock(environment)} {
		l, held := others[key]
		if !held {
			continue
		}
		text := l.Spec.Owner.URL
		if l.Spec.ExpiresAt != nil {
			text += " until " + until(l)
		}
		if n := len(l.Spec.Queue); n > 0 {
			text += fmt.Sprintf(", %d waiting", n)
		}
		return text
	}
	return ""
}
