package appset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// strangers are the parameters of a pull request whose words are those of whoever opened it, or labelled it.
var strangers = regexp.MustCompile(`\b(title|branch|branch_slug|target_branch|target_branch_slug|head_sha|head_short_sha|head_short_sha_7|author|labels)\b`)

var tag = regexp.MustCompile(`(?s){{.*?}}`)

// guardProject refuses a set whose pull requests would choose the project, and so what they may deploy and where. A project that other
// generators of the set yield, or the pullRequest generator's own values where these are literal, is the set's word.
func (r *run) guardProject(g generator, template *argo.ApplicationSetTemplate) error {
	pulls := pullRequestsOf(g)
	if len(pulls) == 0 || !strings.Contains(template.Spec.Project, "{{") {
		return nil
	}
	dangerous := func(text string) string {
		for _, t := range tag.FindAllString(text, -1) {
			if name := strangers.FindString(t); name != "" {
				return name
			}
		}
		return ""
	}
	said := dangerous(template.Spec.Project)
	for _, p := range pulls {
		for key, value := range p.Values {
			if said == "" && dangerous(value) != "" && regexp.MustCompile(`values\.`+regexp.QuoteMeta(key)+`\b`).MatchString(template.Spec.Project) {
				said = "values." + key
			}
		}
	}
	if said == "" {
		return nil
	}
	f := fault("spec.template.spec.project", "the project would be chosen by %s, which is the word of whoever opens a pull request", said)
	f.Hint = "name a project in the template, one that may deploy only what strangers may"
	return f
}

// pullRequestsOf are the pullRequest generators at and below one.
func pullRequestsOf(g generator) []*argo.PullRequestGenerator {
	if g.PullRequest != nil {
		return []*argo.PullRequestGenerator{g.PullRequest}
	}
	if g.Matrix == nil && g.Merge == nil {
		return nil
	}
	children, _, _ := g.children()
	var all []*argo.PullRequestGenerator
	for _, child := range children {
		all = append(all, pullRequestsOf(child)...)
	}
	return all
}

// onlyPullRequest is the one pullRequest generator at or below g, if there is one alone and it names its repository without asking
// others; then the number among the parameters is one of its own.
func onlyPullRequest(g generator) *argo.PullRequestGenerator {
	all := pullRequestsOf(g)
	if len(all) != 1 || strings.Contains(fmt.Sprint(repositoryWords(all[0])), "{{") || slices.Contains(repositoryWords(all[0]), "") {
		return nil
	}
	return all[0]
}

func repositoryWords(g *argo.PullRequestGenerator) []string {
	switch {
	case g.Github != nil:
		return []string{g.Github.Owner, g.Github.Repo}
	case g.GitLab != nil:
		return []string{g.GitLab.Project}
	}
	return []string{""}
}
