package appset

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	gosimple "github.com/gosimple/slug"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// PullRequest is one that a set can make an application of. Title, branch, labels and author are the words of whoever opened it.
type PullRequest struct {
	Number       int64
	Title        string
	Branch       string
	TargetBranch string
	HeadSHA      string
	Labels       []string
	Author       string
	// Held says why nothing may be made of its head, such as that nobody has vouched for it; empty is nothing against it. An application
	// that is there already stays as it is.
	Held string
}

// maxSlug leaves room in the name of a host for something before or after the branch.
const maxSlug = 50

// pullRequests yields those that a filter lets through.
func (r *run) pullRequests(g generator) ([]params, error) {
	field := g.field + ".pullRequest"
	if err := checkPullRequests(g.PullRequest, field); err != nil {
		return nil, err
	}
	filters, err := pullFilters(g.PullRequest.Filters, field)
	if err != nil {
		return nil, err
	}
	question := argo.PullRequestGenerator{Github: g.PullRequest.Github, GitLab: g.PullRequest.GitLab}
	all, err := once(r, question, func() ([]PullRequest, error) { return r.world.PullRequests(g.PullRequest) })
	if errors.Is(err, ErrNotFound) && g.PullRequest.ContinueOnRepoNotFoundError {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the pull requests for %s: %w", field, err)
	}
	var sets []params
	for _, p := range all {
		if err := r.limit.spend(perEntry); err != nil {
			return nil, within(field, err)
		}
		if !anyFilter(filters, p) {
			continue
		}
		set := r.pullSet(p)
		if p.Held != "" {
			r.held[set["number"].(string)] = p.Held
		}
		if err := r.addValues(set, g.PullRequest.Values, field); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (r *run) pullSet(p PullRequest) params {
	set := params{
		"number": strconv.FormatInt(p.Number, 10), "title": p.Title,
		"branch": p.Branch, "branch_slug": branchSlug(p.Branch),
		"target_branch": p.TargetBranch, "target_branch_slug": branchSlug(p.TargetBranch),
		"head_sha": p.HeadSHA, "head_short_sha": p.HeadSHA[:min(8, len(p.HeadSHA))], "head_short_sha_7": p.HeadSHA[:min(7, len(p.HeadSHA))],
		"author": p.Author,
	}
	if r.set.Spec.GoTemplate {
		set["labels"] = p.Labels
	}
	return set
}

// branchSlug is a branch as a part of a host's name, letter for letter as Argo CD makes it: applications are named by it.
func branchSlug(branch string) string {
	made := gosimple.Make(strings.ReplaceAll(branch, "_", "-"))
	if len(made) <= maxSlug {
		return made
	}
	if cut := strings.LastIndexByte(made[:maxSlug+1], '-'); cut >= 0 {
		return made[:cut]
	}
	return made[:maxSlug]
}

// checkPullRequests refuses providers that are not read here.
func checkPullRequests(g *argo.PullRequestGenerator, field string) error {
	others := []provider{{"gitea", "Gitea", g.Gitea != nil}, {"bitbucketServer", "Bitbucket Server", g.BitbucketServer != nil},
		{"bitbucket", "Bitbucket", g.Bitbucket != nil}, {"azuredevops", "Azure DevOps", g.AzureDevOps != nil}}
	if err := refuseOthers(others, field, "pull requests"); err != nil {
		return err
	}
	switch {
	case g.Github != nil && g.GitLab != nil:
		return fault(field, "github and gitlab are both set: one item has one provider")
	case g.Github != nil:
		return nonEmpty(field+".github", named{"owner", g.Github.Owner}, named{"repo", g.Github.Repo})
	case g.GitLab != nil:
		return nonEmpty(field+".gitlab", named{"project", g.GitLab.Project})
	}
	return fault(field, "no provider is set: github or gitlab")
}

// provider is one whose lists are not read here.
type provider struct {
	key, name string
	set       bool
}

func refuseOthers(others []provider, field, what string) error {
	for _, o := range others {
		if o.set {
			f := fault(field+"."+o.key, "%s of %s are not listed here: those of GitHub and GitLab are", what, o.name)
			f.Hint = "nothing of this set is created, changed or deleted while it asks for them; a plugin generator can list them"
			return f
		}
	}
	return nil
}

type named struct{ key, value string }

func nonEmpty(field string, all ...named) error {
	for _, n := range all {
		if n.value == "" {
			return fault(field+"."+n.key, "%s is missing", n.key)
		}
	}
	return nil
}

// pullFilter holds conditions, all of which must hold; nil is none.
type pullFilter struct{ branch, target, title *regexp.Regexp }

func pullFilters(all []argo.PullRequestGeneratorFilter, field string) ([]pullFilter, error) {
	var filters []pullFilter
	for i, from := range all {
		at := fmt.Sprintf("%s.filters[%d]", field, i)
		var f pullFilter
		for _, c := range []struct {
			key  string
			from *string
			into **regexp.Regexp
		}{{"branchMatch", from.BranchMatch, &f.branch}, {"targetBranchMatch", from.TargetBranchMatch, &f.target}, {"titleMatch", from.TitleMatch, &f.title}} {
			var err error
			if *c.into, err = expression(c.from, at+"."+c.key); err != nil {
				return nil, err
			}
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// expression compiles one that may be left out.
func expression(text *string, field string) (*regexp.Regexp, error) {
	if text == nil {
		return nil, nil
	}
	e, err := regexp.Compile(*text)
	if err != nil {
		return nil, fault(field, "%q is no regular expression: %v", short(*text), err)
	}
	return e, nil
}

func matches(e *regexp.Regexp, s string) bool { return e == nil || e.MatchString(s) }

func anyFilter(filters []pullFilter, p PullRequest) bool {
	for _, f := range filters {
		if matches(f.branch, p.Branch) && matches(f.target, p.TargetBranch) && matches(f.title, p.Title) {
			return true
		}
	}
	return len(filters) == 0
}
