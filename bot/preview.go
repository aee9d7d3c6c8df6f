package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	case e == nil, e.Phase == slipway.PreviewGone && !e.Untold():
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
	was := e.Expires
	v.endPreview("its time was up; " + prefix(v.res.Spec.Forge) + "preview extend 24h brings it up again")
	e.Expires = was
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
		e.Waits = ""
		return nil
	}
	waits, err := v.obstacle(ctx, e)
	if err != nil {
		return err
	}
	if e.Waits = ""; waits != "" {
		if e.SHA == "" {
			e.Phase, e.Reason = slipway.PreviewWaiting, waits
		} else {
			e.Waits = waits
		}
		return nil
	}
	if err := v.keepHead(ctx, e); err != nil {
		return err
	}
	e.SHA, e.Phase, e.Reason, e.Began = e.Target, slipway.PreviewDeploying, "the ApplicationSet was asked", new(metav1.NewTime(v.Now()))
	v.log.Info("an environment is to run a commit", "head", e.SHA)
	if err := v.save(ctx); err != nil {
		return err
	}
	return v.askSets(ctx)
}

// obstacle says what a commit waits for, or "": that of the environment before nothing is left, and the image. It sees to it that somebody
// looks again.
func (v *visit) obstacle(ctx context.Context, e *slipway.PreviewEnvironment) (string, error) {
	if e.SHA == "" && len(e.Namespaces) > 0 {
		apps, err := v.applicationsOf(ctx)
		if err != nil {
			return "", err
		}
		if leaves, err := v.leaving(ctx, e, apps); err != nil || leaves != "" {
			v.again(soon / 5)
			return leaves, err
		}
	}
	if e.Image == "" || v.Addresses == nil {
		return "", nil
	}
	there, err := v.Addresses.HasImage(ctx, e.Image)
	if there && err == nil {
		return "", nil
	}
	v.again(2 * soon)
	if err != nil {
		return clip("the image "+e.Image+" is waited for, and cannot be looked for: "+err.Error(), 400), nil
	}
	return clip("the image "+e.Image+" is waited for: its registry does not have it yet", 400), nil
}

// takeTurn looks whether it is the pull request's turn.
func (v *visit) takeTurn(ctx context.Context, e *slipway.PreviewEnvironment) error {
	wait := queueSpacing
	if e.Place == 1 {
		wait = soon
	}
	v.again(wait)
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
	if !mirror.Pulls().Has(ctx, git.Hash(e.Target)) {
		if err := mirror.FetchPulls(ctx, v.auth, v.forge.HeadRef(v.res.Spec.Number)); err != nil {
			return fmt.Errorf("fetching the head for its environment: %w", err)
		}
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

// announcePreview tells the comment and the forge's list of deployments how the environment is, where that is news. What the forge does not
// take now is told again: what is in the cluster is looked after meanwhile.
func (v *visit) announcePreview(ctx context.Context, e *slipway.PreviewEnvironment) error {
	if err := v.save(ctx); err != nil {
		return err
	}
	said, err := v.sayPreview(ctx, e)
	err = errors.Join(err, v.deployPreview(ctx, e))
	var limited *forge.RateLimited
	switch {
	case errors.As(err, &limited):
		return err
	case err != nil:
		v.log.Warn("the environment cannot be told of yet", "phase", e.Phase, "error", err)
		v.again(queueSpacing)
	case said && e.Phase == slipway.PreviewGone:
		e.Told = string(slipway.PreviewGone)
	}
	return v.save(ctx)
}

// sayPreview brings the comment up to date. Said is whether it is so now; progress is told with pauses.
func (v *visit) sayPreview(ctx context.Context, e *slipway.PreviewEnvironment) (said bool, err error) {
	section := v.previewSection()
	sum := digestOf(section)
	if e.Said == sum {
		return true, nil
	}
	if wait := v.memory.mayEdit(v.reportEdit(previewNews(e)...), v.Now(), v.EditSpacing); wait > 0 {
		v.again(wait)
		return false, nil
	}
	if err := v.spliced(ctx, section); err != nil && !courtesy(err) {
		return false, fmt.Errorf("telling of the environment: %w", err)
	} else if err != nil {
		v.log.Warn("the comment takes nothing about the environment", "error", err)
	}
	e.Said = sum
	return true, v.save(ctx)
}

// previewNews is what people wait for: that something is to come, and how it ends, for each commit.
func previewNews(e *slipway.PreviewEnvironment) []string {
	switch e.Phase {
	case slipway.PreviewWaiting, slipway.PreviewDeploying, slipway.PreviewEnding:
		return []string{"preview"}
	}
	return []string{fmt.Sprintf("preview %s %s %d %s", e.Phase, e.SHA, e.Place, e.Since.Time)}
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
	p := report.Preview{Phase: string(e.Phase), Reason: e.Reason, Waits: e.Waits, SHA: e.SHA, Head: v.res.Status.HeadSHA, URLs: e.URLs, Place: e.Place,
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

// deployPreview keeps the forge's deployment of the environment: one a commit, in an environment of the pull request's name. The one before
// is over: GitHub leaves that to whoever made it, as the environment is a passing one.
func (v *visit) deployPreview(ctx context.Context, e *slipway.PreviewEnvironment) error {
	if e.SHA != "" && e.Deployed != e.SHA {
		if err := v.tellDeployment(ctx, e.DeploymentID, forge.DeploymentStatus{State: forge.DeploymentInactive, Description: "a newer commit is deployed"}); err != nil {
			return err
		}
		id, err := v.forge.CreateDeployment(ctx, v.repo, forge.Deployment{Environment: fmt.Sprintf("preview-%d", v.res.Spec.Number), SHA: e.SHA,
			Key: v.keptAs() + "-" + e.SHA, Ref: v.branch(), Transient: true, Description: "Preview of this pull request"})
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
	status := statusOf(e)
	told := string(status.State) + " " + status.EnvironmentURL
	if e.Told == told {
		return nil
	}
	if err := v.tellDeployment(ctx, e.DeploymentID, status); err != nil {
		return err
	}
	e.Told = told
	return nil
}

// branch is the head's where it is one of this repository.
func (v *visit) branch() string {
	if v.res.Status.Fork {
		return ""
	}
	return v.res.Status.HeadRef
}

// statusOf is what the forge's deployment says of an environment.
func statusOf(e *slipway.PreviewEnvironment) forge.DeploymentStatus {
	status := forge.DeploymentStatus{Description: e.Reason}
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
	default:
		status.State, status.EnvironmentGone = forge.DeploymentInactive, true
	}
	return status
}

// tellDeployment sets the state of a deployment. That the forge takes none, or knows none of this id, is no trouble of ours.
func (v *visit) tellDeployment(ctx context.Context, id int64, status forge.DeploymentStatus) error {
	if id == 0 {
		return nil
	}
	err := v.forge.SetDeploymentStatus(ctx, v.repo, id, status)
	if err != nil && !courtesy(err) {
		return fmt.Errorf("telling of deployment %d: %w", id, err)
	}
	if err != nil {
		v.log.Warn("the state of a deployment cannot be set", "deployment", id, "state", status.State, "error", err)
	}
	return nil
}

// bodyLimit is how many characters a report may have: there is room for what is said of the environment.
func (v *visit) bodyLimit() int {
	if v.Previews {
		return v.forge.CommentLimit() - report.PreviewRoom
	}
	return v.forge.CommentLimit()
}
