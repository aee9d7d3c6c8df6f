package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// reach is an application that a command may be about: it is in the cluster, has a source in this repository, and the report that the
// command is bound to shows that the pull request changes it.
type reach struct {
	app         *argo.Application
	environment string // by the cluster and the base branch, as of now
	reported    slipway.ReportedApplication
}

func (r reach) name() string { return r.app.Namespace + "/" + r.app.Name }

// reachable are the applications that commands bound to a report may be about.
func (v *visit) reachable(ctx context.Context, r *slipway.Report, p policy.Policy) ([]reach, error) {
	apps, err := v.applications(ctx)
	if err != nil || r == nil {
		return nil, err
	}
	var all []reach
	for _, app := range apps {
		reported := r.Application(app.Namespace, app.Name)
		if reported == nil || !v.ours(app) || app.DeletionTimestamp != nil {
			continue
		}
		all = append(all, reach{app: app, environment: p.Environment(app.Name, app.Labels), reported: *reported})
	}
	return all, nil
}

// unrendered says why nobody knows what the pull request of a report changes, or is empty.
func (v *visit) unrendered(r *slipway.Report) string {
	if r == nil || r.Base != "" || v.pull.State == forge.Merged {
		return ""
	}
	return "Nothing of its head was rendered, so that nobody knows what it changes. Someone with write permission comments " +
		quote(prefix(v.res.Spec.Forge)+"ok-to-test") + " first."
}

// ours says whether an application has a source in this repository. Nothing that a pull request says makes it so.
func (v *visit) ours(app *argo.Application) bool {
	return slices.ContainsFunc(app.Spec.SourceList(), func(s argo.ApplicationSource) bool { return s.Chart == "" && v.same(s.RepoURL) })
}

// follows says whether a source moves with the branch that the pull request is merged into.
func (v *visit) follows(s argo.ApplicationSource) bool {
	if s.Chart != "" || !v.same(s.RepoURL) {
		return false
	}
	switch branch := strings.TrimPrefix(s.TargetRevision, "refs/heads/"); branch {
	case "", "HEAD":
		return v.pull.Base.Name == v.repo.DefaultBranch
	default:
		return branch == v.pull.Base.Name
	}
}

// choose picks the applications that targets name. A name means what its kind says and nothing else; one that is unknown or ambiguous is
// answered with what could have been meant. The second result is that answer, or empty.
func choose(all []reach, targets []command.Target) ([]reach, string) {
	chosen := map[string]reach{}
	for _, t := range targets {
		var found []reach
		for _, r := range all {
			if names(r, t) {
				found = append(found, r)
			}
		}
		switch {
		case len(found) == 0:
			return nil, fmt.Sprintf("%q is none of what this pull request changes. %s", t, candidates(all))
		case t.Kind == command.Application && len(found) > 1:
			var choices []string
			for _, r := range found {
				choices = append(choices, "app:"+r.name())
			}
			return nil, fmt.Sprintf("%q could be any of: %s.", t, strings.Join(choices, ", "))
		}
		for _, r := range found {
			chosen[r.name()] = r
		}
	}
	var picked []reach
	for _, r := range all {
		if _, ok := chosen[r.name()]; ok {
			picked = append(picked, r)
		}
	}
	return picked, ""
}

func names(r reach, t command.Target) bool {
	switch t.Kind {
	case command.Environment:
		return r.environment == t.Name
	case command.Application:
		return r.app.Name == t.Name || r.name() == t.Name
	case command.Cluster:
		d := r.app.Spec.Destination
		return d.Name == t.Name || d.Server == t.Name
	}
	return false
}

// candidates says what could have been named.
func candidates(all []reach) string {
	if len(all) == 0 {
		return "It changes no application that is in a cluster and has a source in this repository."
	}
	var environments, apps []string
	for _, r := range all {
		if r.environment != "" {
			environments = append(environments, r.environment)
		}
		apps = append(apps, "app:"+r.app.Name)
	}
	slices.Sort(environments)
	slices.Sort(apps)
	text := "It changes: " + strings.Join(slices.Compact(apps), ", ") + "."
	if len(environments) > 0 {
		text = "Environments: " + strings.Join(slices.Compact(environments), ", ") + ". " + text
	}
	return clip(text, 1500)
}
