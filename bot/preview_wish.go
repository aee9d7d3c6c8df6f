package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// annotationSetRefresh asks the controller to look at an ApplicationSet now.
const annotationSetRefresh = "argocd.argoproj.io/application-set-refresh"

// queueSpacing is the time between two looks at something that no event tells of: another's end, an image, an address.
const queueSpacing = 3 * soon

// wish decides whether the pull request is to have an environment of its own, and of which commit.
func (v *visit) wish(ctx context.Context) error {
	s := &v.res.Status
	if v.pull.State != forge.Open {
		v.endPreview("the pull request is closed")
		return nil
	}
	makers, err := v.makers(ctx)
	if err != nil {
		return err
	}
	w := policy.Wish{Draft: v.pull.Draft, Now: v.Now(), Active: v.Now(), Begin: prefix(v.res.Spec.Forge),
		Selected: slices.ContainsFunc(makers, func(m maker) bool { return m.selects(v.pull.Labels) })}
	if p := s.Preview; p != nil {
		w.Commanded, w.Stopped = p.Wanted && !p.Extends, !p.Wanted
		if p.Until != nil {
			w.Until = p.Until.Time
		}
	}
	switch {
	case len(makers) == 0 && w.Commanded:
		v.refusePreview(noMakers)
		return nil
	case len(makers) == 0:
		v.endPreview(noMakers)
		return nil
	case !w.Selected && !w.Commanded:
		v.unselected(w)
		return nil
	}
	g, err := v.footing(ctx)
	if err != nil {
		return err
	}
	rules := g.policy.Previews
	if w.Unread = !s.Trusted; len(rules.Paths) > 0 && s.Trusted {
		if w.Files, err = v.touched(ctx, g); err != nil {
			return err
		}
	}
	if have := s.Environment; have != nil && (have.Wanted() || have.Expires != nil) {
		w.Active = have.Active.Time
		if v.renewed(have) {
			w.Active = v.Now()
		}
	}
	wanted, end, reason := rules.Wanted(w)
	if !wanted {
		v.refusePreview(reason)
		if !end.IsZero() {
			s.Environment.Expires = new(metav1.NewTime(end))
		}
		return nil
	}
	return v.want(ctx, g, w, metav1.NewTime(end))
}

// noMakers says why a repository has no environments.
const noMakers = "no ApplicationSet with a pullRequest generator makes environments of this repository's pull requests"

// unselected ends what neither label nor command asks for any more. Once that is over, what commands said of it and its time are forgotten:
// a label that comes back brings up a new one.
func (v *visit) unselected(w policy.Wish) {
	s := &v.res.Status
	reason := "its label was taken away"
	if w.Stopped {
		_, _, reason = policy.Previews{}.Wanted(w)
	}
	v.endPreview(reason)
	e := s.Environment
	over := e == nil || e.Phase.Over()
	if p := s.Preview; p != nil && (p.Extends || over && !p.Wanted) {
		s.Preview = nil
	}
	if !over {
		return
	}
	switch {
	case e == nil:
	case e.Phase == slipway.PreviewRefused:
		s.Environment = nil
	default:
		e.Expires = nil
	}
}

// touched are the files that the pull request itself changes, whether it can be merged or not.
func (v *visit) touched(ctx context.Context, g *ground) ([]string, error) {
	head, pulls := git.Hash(v.pull.Head.SHA), g.mirror.Pulls()
	if !pulls.Has(ctx, head) {
		if err := v.fetchHead(ctx, g.mirror, head); err != nil {
			return nil, err
		}
	}
	fork, err := pulls.MergeBase(ctx, g.base.Commit(), head)
	if errors.Is(err, git.ErrUnrelated) {
		fork, err = g.base.Commit(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding where the head began: %w", err)
	}
	before, err := pulls.Tree(ctx, fork)
	if err != nil {
		return nil, fmt.Errorf("opening where the head began: %w", err)
	}
	after, err := pulls.Tree(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("opening the head: %w", err)
	}
	return g.changed(ctx, before, after)
}

// renewed says whether an environment's time is counted anew: it was asked for since, or pushed to by somebody who is trusted.
func (v *visit) renewed(have *slipway.PreviewEnvironment) bool {
	p := v.res.Status.Preview
	return p != nil && p.Wanted && p.At.After(have.Active.Time) || v.res.Status.Trusted && have.Target != v.pull.Head.SHA
}

// want has the environment there, at the newest commit that may run.
func (v *visit) want(ctx context.Context, g *ground, w policy.Wish, end metav1.Time) error {
	s := &v.res.Status
	if !s.Environment.Wanted() {
		now := metav1.NewMicroTime(v.Now())
		next := &slipway.PreviewEnvironment{Phase: slipway.PreviewQueued, Since: now, Active: now}
		if old := s.Environment; old != nil { // what it left behind is looked after still
			next.Namespaces, next.DeploymentID, next.Deployed, next.Told, next.Said = old.Namespaces, old.DeploymentID, old.Deployed, old.Told, old.Said
		}
		s.Environment = next
	}
	e := s.Environment
	e.Commanded, e.Expires = w.Commanded, nil
	e.Active = metav1.NewMicroTime(w.Active)
	if !end.IsZero() {
		e.Expires = &end
	}
	if s.Trusted {
		e.Target, e.Image = v.pull.Head.SHA, ""
		if g.policy.Previews.Image != "" {
			e.Image = g.policy.Previews.ImageOf(strconv.Itoa(v.pull.Number), e.Target)
		}
	}
	if e.Target == "" {
		e.Phase = slipway.PreviewRefused
		v.refusePreview("its commits wait for " + prefix(v.res.Spec.Forge) + "ok-to-test by somebody who may write")
		return nil
	}
	place, err := v.place(ctx, g.policy.Previews)
	if err != nil {
		return err
	}
	e.Place = place
	return nil
}

// place is where the pull request stands in the queue of its repository. Who is up stays up.
func (v *visit) place(ctx context.Context, rules policy.Previews) (int, error) {
	if v.res.Status.Environment.SHA != "" || rules.Limit == 0 {
		return 0, nil
	}
	// The others are read from the API server itself: of two that come at the same time one must see the other. This one's wish is
	// written down first.
	if err := v.save(ctx); err != nil {
		return 0, err
	}
	list := &slipway.PullRequestList{}
	if err := v.Reader.List(ctx, list, client.InNamespace(v.Namespace)); err != nil {
		return 0, fmt.Errorf("listing pull requests: %w", err)
	}
	var turns []policy.Turn
	for _, p := range list.Items {
		if p.Spec.Host == v.res.Spec.Host && p.Spec.Repository.ID == v.res.Spec.Repository.ID && p.Status.Environment.Wanted() {
			turns = append(turns, policy.Turn{Number: p.Spec.Number, Since: p.Status.Environment.Since.Time})
		}
	}
	return rules.Place(v.res.Spec.Number, turns), nil
}

// refusePreview ends the environment, or says why there is none where somebody may expect one.
func (v *visit) refusePreview(reason string) {
	s := &v.res.Status
	if s.Environment.Wanted() || s.Environment != nil && s.Environment.Phase == slipway.PreviewEnding {
		v.endPreview(reason)
		return
	}
	now := metav1.NewMicroTime(v.Now())
	next := &slipway.PreviewEnvironment{Phase: slipway.PreviewRefused, Reason: reason, Since: now, Active: now}
	if old := s.Environment; old != nil {
		next.Since, next.Active, next.Expires, next.Target, next.Said = old.Since, old.Active, old.Expires, old.Target, old.Said
	}
	s.Environment = next
}

// endPreview has the environment taken down, if there is one. Its target stays: that a commit is newer is told by it.
func (v *visit) endPreview(reason string) {
	e := v.res.Status.Environment
	if !e.Wanted() {
		return
	}
	e.Phase, e.Reason, e.SHA, e.Image, e.Waits, e.Place, e.Expires = slipway.PreviewEnding, reason, "", "", "", 0, nil
	e.Began = new(metav1.NewTime(v.Now()))
}

// maker is a generator that makes applications of this repository's pull requests.
type maker struct {
	set    types.NamespacedName
	labels []string
}

// selects says whether a pull request with some labels is among those that the generator takes.
func (m maker) selects(labels []string) bool {
	return !slices.ContainsFunc(m.labels, func(l string) bool { return !slices.Contains(labels, l) })
}

// makers are the generators of all sets that list this repository's pull requests.
func (v *visit) makers(ctx context.Context) ([]maker, error) {
	sets, err := v.allSets(ctx)
	if err != nil {
		return nil, err
	}
	var out []maker
	for i := range sets {
		set := &sets[i]
		raw, err := json.Marshal(set.Spec.Generators)
		if err != nil {
			return nil, fmt.Errorf("reading the generators of %s: %w", set.Name, err)
		}
		var tree any
		if err := json.Unmarshal(raw, &tree); err != nil {
			return nil, fmt.Errorf("reading the generators of %s: %w", set.Name, err)
		}
		for _, g := range pullGenerators(tree, 0) {
			if labels, ours := v.generates(g); ours {
				out = append(out, maker{set: client.ObjectKeyFromObject(set), labels: labels})
			}
		}
	}
	return out, nil
}

// pullGenerators are the pull request generators anywhere in a tree of generators.
func pullGenerators(tree any, depth int) []argo.PullRequestGenerator {
	const deepest = 20
	if depth > deepest {
		return nil
	}
	var out []argo.PullRequestGenerator
	switch x := tree.(type) {
	case []any:
		for _, item := range x {
			out = append(out, pullGenerators(item, depth+1)...)
		}
	case map[string]any:
		for key, value := range x {
			if key == "pullRequest" {
				var g argo.PullRequestGenerator
				if raw, err := json.Marshal(value); err == nil && json.Unmarshal(raw, &g) == nil {
					out = append(out, g)
				}
				continue
			}
			out = append(out, pullGenerators(value, depth+1)...)
		}
	}
	return out
}

// generates says whether a generator lists this pull request's repository, and with which labels.
func (v *visit) generates(g argo.PullRequestGenerator) (labels []string, ours bool) {
	switch {
	case g.Github != nil && v.repo.Forge == forge.GitHub:
		return g.Github.Labels, strings.EqualFold(g.Github.Owner, v.repo.Owner) && strings.EqualFold(g.Github.Repo, v.repo.Name)
	case g.GitLab != nil && v.repo.Forge == forge.GitLab:
		return g.GitLab.Labels, strings.EqualFold(g.GitLab.Project, v.repo.FullName()) || g.GitLab.Project == strconv.FormatInt(v.repo.ID, 10)
	}
	return nil, false
}

// askSet has a set look now.
func (b *Bot) askSet(ctx context.Context, key types.NamespacedName) error {
	set := &argo.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	patch := []byte(`{"metadata":{"annotations":{"` + annotationSetRefresh + `":"true"}}}`)
	err := b.Client.Patch(ctx, set, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldOwner))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("asking application set %s to look: %w", key, err)
	}
	return nil
}

// askSets has the sets that make applications of this pull request look now.
func (v *visit) askSets(ctx context.Context) error {
	makers, err := v.makers(ctx)
	if err != nil {
		return err
	}
	asked := map[types.NamespacedName]bool{}
	for _, m := range makers {
		if asked[m.set] {
			continue
		}
		asked[m.set] = true
		if err := v.askSet(ctx, m.set); err != nil {
			return err
		}
	}
	return nil
}
