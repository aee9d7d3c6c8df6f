package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// Addresses asks what answers at the address of an environment, and whether an image is there. Both are the words of a pull request: they
// are asked for without credentials of ours, and only where the address is not one of this network's own unless that is allowed.
type Addresses interface {
	// Answers says why an address does not answer as it should; nil when it does. Strict wants success, not just an answer.
	Answers(ctx context.Context, url string, strict bool) error
	// HasImage says whether a registry has an image. An error says that it cannot be told.
	HasImage(ctx context.Context, image string) (bool, error)
}

// showcase looks after the pull request's own environment: whether there is to be one and of which commit, how far it is, and what is told
// of it. ApplicationSets make its applications; the answer to which commit they ask is what is decided here.
func (v *visit) showcase(ctx context.Context) error {
	if !v.Previews {
		// Nothing is decided here; but the sets that list pull requests need not wait for their next look.
		if v.read && slices.ContainsFunc(v.asked.Reasons(), ofPull) {
			return v.askSets(ctx)
		}
		return nil
	}
	if v.read || v.res.Status.Preview != nil && v.saved.Status.Preview == nil {
		if err := v.wish(ctx); err != nil {
			return fmt.Errorf("deciding about the environment: %w", err)
		}
	}
	e := v.res.Status.Environment
	switch {
	case e == nil, e.Phase == slipway.PreviewGone && e.Told == string(slipway.PreviewGone):
		return nil
	case e.Phase == slipway.PreviewRefused:
		return v.announcePreview(ctx, e)
	}
	v.expirePreview(e)
	if err := v.promote(ctx, e); err != nil {
		return err
	}
	if err := v.observe(ctx, e); err != nil {
		return err
	}
	return v.announcePreview(ctx, e)
}

// ofPull says whether a reason for a look is news of the pull request itself: its state, labels, title or head.
func ofPull(reason string) bool {
	return strings.HasPrefix(reason, "pull_request.") || strings.HasPrefix(reason, "merge_request")
}

// expirePreview ends an environment whose time is up, or looks again when it is.
func (v *visit) expirePreview(e *slipway.PreviewEnvironment) {
	if e.Expires == nil {
		return
	}
	if left := e.Expires.Sub(v.Now()); left > 0 {
		v.again(left)
		return
	}
	v.endPreview("its time was up; " + prefix(v.res.Spec.Forge) + "preview extend 24h brings it up again")
}

// promote lets the environment run the commit that it is to run, once it is its turn and what is waited for is there. Written before the
// sets are asked, it is what they are answered.
func (v *visit) promote(ctx context.Context, e *slipway.PreviewEnvironment) error {
	switch {
	case !e.Wanted():
		return v.withdraw(ctx, e)
	case e.Place > 0:
		e.Phase, e.Reason = slipway.PreviewQueued, "as many as the policy allows are there already"
		return v.takeTurn(ctx, e)
	case e.SHA == e.Target:
		return nil
	}
	if e.Image != "" && v.Addresses != nil {
		there, err := v.Addresses.HasImage(ctx, e.Image)
		if err != nil || !there {
			reason := "waits for the image " + e.Image
			if err != nil {
				reason += ", which cannot be looked for: " + err.Error()
			}
			if e.Reason = clip(reason, 500); e.SHA == "" {
				e.Phase = slipway.PreviewWaiting
			}
			v.again(queueSpacing)
			return nil
		}
	}
	if err := v.keepHead(ctx, e); err != nil {
		return err
	}
	e.SHA, e.Phase, e.Reason = e.Target, slipway.PreviewDeploying, "the ApplicationSet was asked"
	v.log.Info("an environment is to run a commit", "head", e.SHA)
	if err := v.save(ctx); err != nil {
		return err
	}
	return v.askSets(ctx)
}

// takeTurn looks whether it is the pull request's turn.
func (v *visit) takeTurn(ctx context.Context, e *slipway.PreviewEnvironment) error {
	v.again(queueSpacing)
	if v.read { // the place was found in this look
		return nil
	}
	if err := v.upToDate(ctx); err != nil {
		return err
	}
	g, err := v.footing(ctx)
	if err != nil {
		return err
	}
	if e.Place, err = v.place(ctx, g.policy.Previews); err != nil || e.Place > 0 {
		return err
	}
	return v.promote(ctx, e)
}

// keepHead makes the commit one that the controller may read, as it reads nothing that is only in a pull request.
func (v *visit) keepHead(ctx context.Context, e *slipway.PreviewEnvironment) error {
	mirror := v.Mirrors.Mirror(v.repo.CloneURL)
	if err := mirror.FetchPulls(ctx, v.auth, v.forge.HeadRef(v.res.Spec.Number)); err != nil {
		return fmt.Errorf("fetching the head for its environment: %w", err)
	}
	if err := mirror.Keep(ctx, v.keptAs(), git.Hash(e.Target)); err != nil {
		return fmt.Errorf("keeping the head for its environment: %w", err)
	}
	return nil
}

func (v *visit) keptAs() string { return "preview-" + v.res.Name }

// withdraw has what was made taken down.
func (v *visit) withdraw(ctx context.Context, e *slipway.PreviewEnvironment) error {
	if before := v.saved.Status.Environment; before != nil && before.Phase == e.Phase {
		return nil
	}
	v.log.Info("an environment is to end", "reason", e.Reason)
	if err := v.save(ctx); err != nil {
		return err
	}
	return v.askSets(ctx)
}

// announcePreview tells the comment and the forge's list of deployments how the environment is, where that is news.
func (v *visit) announcePreview(ctx context.Context, e *slipway.PreviewEnvironment) error {
	if err := v.save(ctx); err != nil {
		return err
	}
	if err := v.deployPreview(ctx, e); err != nil {
		return err
	}
	section := v.previewSection()
	said := digestOf(section)
	if e.Said == said {
		return nil
	}
	if wait := v.memory.mayEdit("preview "+v.res.Name, v.Now(), v.EditSpacing); wait > 0 {
		v.again(wait)
		return nil
	}
	if err := v.spliced(ctx, section); err != nil {
		return fmt.Errorf("telling of the environment: %w", err)
	}
	e.Said = said
	return v.save(ctx)
}

func digestOf(section string) string {
	sum := sha256.Sum256([]byte(section))
	return hex.EncodeToString(sum[:8])
}

// previewSection is what the comment says of the environment; empty where there is none.
func (v *visit) previewSection() string {
	e := v.res.Status.Environment
	if e == nil || !v.Previews {
		return ""
	}
	p := report.Preview{Phase: string(e.Phase), Reason: e.Reason, SHA: e.SHA, Head: v.res.Status.HeadSHA, URLs: e.URLs, Place: e.Place,
		Command: prefix(v.res.Spec.Forge)}
	if e.Expires != nil {
		p.Expires = e.Expires.Time
	}
	return p.String()
}

// spliced puts the section into our comment as it stands. Where the report is still to come, it comes with that.
func (v *visit) spliced(ctx context.Context, section string) error {
	s := &v.res.Status
	if s.Report == nil {
		return nil
	}
	if !v.commented() { // the policy wanted none
		id, err := v.say(ctx, reportMarker(v.res), 0, marked(reportMarker(v.res), report.WithPreview("### Preview", section)))
		if err != nil {
			return err
		}
		s.Report.CommentID = text(id)
		return nil
	}
	comments, err := v.forge.Comments(ctx, v.repo, v.res.Spec.Number, time.Time{})
	if err != nil {
		return err
	}
	id := number(s.Report.CommentID)
	i := slices.IndexFunc(comments, func(c forge.Comment) bool { return c.ID == id })
	if i < 0 {
		return nil // somebody deleted it; the next report makes a new one
	}
	mark, body, found := strings.Cut(comments[i].Body, "\n")
	if !found {
		return nil
	}
	if err := v.forge.EditComment(ctx, v.repo, v.res.Spec.Number, id, mark+"\n"+report.WithPreview(body, section)); err != nil {
		return err
	}
	return nil
}

// deployPreview keeps the forge's deployment of the environment: one a commit, in an environment of the pull request's name.
func (v *visit) deployPreview(ctx context.Context, e *slipway.PreviewEnvironment) error {
	if e.SHA != "" && e.Deployed != e.SHA {
		id, err := v.forge.CreateDeployment(ctx, v.repo, forge.Deployment{Environment: fmt.Sprintf("preview-%d", v.res.Spec.Number), SHA: e.SHA,
			Key: v.keptAs() + "-" + e.SHA, Transient: true, Description: "Preview of this pull request"})
		if err != nil {
			if !courtesy(err) {
				return fmt.Errorf("creating a deployment: %w", err)
			}
			v.log.Warn("the forge takes no deployment", "environment", "preview", "error", err)
		}
		e.DeploymentID, e.Deployed, e.Told = id, e.SHA, ""
		if err := v.save(ctx); err != nil {
			return err
		}
	}
	status := forge.DeploymentStatus{Description: clip(e.Reason, 140)}
	switch e.Phase {
	case slipway.PreviewReady:
		status.State, status.Description = forge.DeploymentSuccess, "ready"
		if len(e.URLs) > 0 {
			status.EnvironmentURL = e.URLs[0]
		}
	case slipway.PreviewFailed:
		status.State = forge.DeploymentFailure
	case slipway.PreviewDeploying, slipway.PreviewWaiting, slipway.PreviewQueued:
		status.State = forge.DeploymentInProgress
	case slipway.PreviewEnding, slipway.PreviewGone, slipway.PreviewRefused:
		status.State = forge.DeploymentInactive
	}
	told := string(status.State) + " " + status.EnvironmentURL
	if e.Phase == slipway.PreviewGone {
		told = string(slipway.PreviewGone)
	}
	if e.DeploymentID != 0 && e.Told != told {
		if err := v.forge.SetDeploymentStatus(ctx, v.repo, e.DeploymentID, status); err != nil {
			v.log.Warn("the state of a deployment could not be set", "deployment", e.DeploymentID, "state", status.State, "error", err)
		}
	}
	e.Told = told
	return nil
}

// bodyLimit is how many characters a report may have: there is room for what is said of the environment.
func (v *visit) bodyLimit() int {
	if v.Previews {
		return v.forge.CommentLimit() - report.PreviewRoom
	}
	return v.forge.CommentLimit()
}
