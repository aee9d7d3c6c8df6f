package appset

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Host lists the repositories of an organisation or group.
type Host interface {
	// Repositories are those that the generator's provider selects, with their default branch.
	Repositories() ([]Repository, error)
	// Branches are the repository's default branch, or all where the provider asks for them; none for a repository without commits.
	Branches(r Repository) ([]Branch, error)
	// HasPath says whether a branch has a file or folder of that path.
	HasPath(r Repository, branch, path string) (bool, error)
}

// Repository is one of an organisation.
type Repository struct {
	ID           int64
	Organization string // on GitLab the full path of its group
	Name         string
	// URL for cloning, by the protocol that the generator asks for.
	URL           string
	DefaultBranch string
	Labels        []string // topics
}

// Branch and its newest commit.
type Branch struct{ Name, SHA string }

// scmProvider yields the branches of the repositories that filters let through.
func (r *run) scmProvider(g generator) ([]params, error) {
	field := g.field + ".scmProvider"
	if err := checkProvider(g.SCMProvider, field); err != nil {
		return nil, err
	}
	filters, err := repositoryFilters(g.SCMProvider.Filters, field)
	if err != nil {
		return nil, err
	}
	question := *g.SCMProvider
	question.Values, question.Template = nil, argo.ApplicationSetTemplate{}
	found, err := outside(r, NeedsWorld{Generator: "scmProvider", Field: field}, question, func() ([]branchOf, error) { return r.branches(g.SCMProvider, filters) })
	if err != nil {
		return nil, fmt.Errorf("listing the repositories for %s: %w", field, err)
	}
	var sets []params
	for _, f := range found {
		if err := r.limit.spend(perEntry); err != nil {
			return nil, within(field, err)
		}
		set := r.repositorySet(f)
		if err := r.addValues(set, g.SCMProvider.Values, field); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

type branchOf struct {
	repository Repository
	branch     Branch
}

// branches asks the host. Filters over names and topics go first, so that branches and paths are asked for only where they count.
func (r *run) branches(g *argo.SCMProviderGenerator, filters []repositoryFilter) ([]branchOf, error) {
	host, err := r.world.Host(g)
	if err != nil {
		return nil, err
	}
	repositories, err := host.Repositories()
	if err != nil {
		return nil, err
	}
	byRepository := slices.DeleteFunc(slices.Clone(filters), func(f repositoryFilter) bool { return f.ofBranch || !f.ofRepository })
	byBranch := slices.DeleteFunc(slices.Clone(filters), func(f repositoryFilter) bool { return !f.ofBranch })
	var found []branchOf
	for _, repository := range repositories {
		if err := r.limit.spend(perEntry); err != nil {
			return nil, err
		}
		if len(byRepository) > 0 && !slices.ContainsFunc(byRepository, func(f repositoryFilter) bool { return f.admits(repository, repository.DefaultBranch) }) {
			continue
		}
		branches, err := host.Branches(repository)
		if err != nil {
			return nil, err
		}
		for _, b := range branches {
			ok, err := anyBranchFilter(host, byBranch, branchOf{repository, b})
			if err != nil {
				return nil, err
			}
			if ok {
				found = append(found, branchOf{repository, b})
			}
		}
		if len(found) > maxSets {
			return nil, fault("", "more than %d branches are listed", maxSets)
		}
	}
	return found, nil
}

func anyBranchFilter(host Host, filters []repositoryFilter, b branchOf) (bool, error) {
	for _, f := range filters {
		if !f.admits(b.repository, b.branch.Name) {
			continue
		}
		ok, err := f.hasPaths(host, b)
		if ok || err != nil {
			return ok, err
		}
	}
	return len(filters) == 0, nil
}

func (r *run) repositorySet(f branchOf) params {
	sha := f.branch.SHA
	set := params{
		"organization": f.repository.Organization, "repository": f.repository.Name, "url": f.repository.URL,
		"branch": f.branch.Name, "branchNormalized": normalize(f.branch.Name),
		"sha": sha, "short_sha": sha[:min(8, len(sha))], "short_sha_7": sha[:min(7, len(sha))],
		"labels": strings.Join(f.repository.Labels, ","),
	}
	if r.set.Spec.GoTemplate {
		set["repository_id"] = f.repository.ID
	} else {
		set["repository_id"] = strconv.FormatInt(f.repository.ID, 10)
	}
	return set
}

// checkProvider refuses providers that are not read here.
func checkProvider(g *argo.SCMProviderGenerator, field string) error {
	others := []provider{{"gitea", "Gitea", g.Gitea != nil}, {"bitbucketServer", "Bitbucket Server", g.BitbucketServer != nil},
		{"bitbucket", "Bitbucket", g.Bitbucket != nil}, {"azureDevOps", "Azure DevOps", g.AzureDevOps != nil},
		{"awsCodeCommit", "AWS CodeCommit", g.AWSCodeCommit != nil}}
	if err := refuseOthers(others, field, "repositories"); err != nil {
		return err
	}
	if p := g.CloneProtocol; p != "" && p != "ssh" && p != "https" && !strings.Contains(p, "{{") {
		return fault(field+".cloneProtocol", "%q is no protocol: ssh and https are", short(p))
	}
	switch {
	case g.Github != nil && g.Gitlab != nil:
		return fault(field, "github and gitlab are both set: one item has one provider")
	case g.Github != nil:
		return nonEmpty(field+".github", named{"organization", g.Github.Organization})
	case g.Gitlab != nil:
		return nonEmpty(field+".gitlab", named{"group", g.Gitlab.Group})
	}
	return fault(field, "no provider is set: github or gitlab")
}

// repositoryFilter holds conditions, all of which must hold. As in Argo CD one that says anything of branches or paths is a filter of
// branches, and others are filters of repositories; a branch must pass one of either sort, where there are any.
type repositoryFilter struct {
	repository, label, branch *regexp.Regexp
	exist, absent             []string
	ofBranch, ofRepository    bool
}

func repositoryFilters(all []argo.SCMProviderGeneratorFilter, field string) ([]repositoryFilter, error) {
	var filters []repositoryFilter
	for i, from := range all {
		at := fmt.Sprintf("%s.filters[%d]", field, i)
		f := repositoryFilter{exist: from.PathsExist, absent: from.PathsDoNotExist,
			ofBranch:     from.PathsExist != nil || from.PathsDoNotExist != nil || from.BranchMatch != nil,
			ofRepository: from.RepositoryMatch != nil || from.LabelMatch != nil}
		for _, c := range []struct {
			key  string
			from *string
			into **regexp.Regexp
		}{{"repositoryMatch", from.RepositoryMatch, &f.repository}, {"labelMatch", from.LabelMatch, &f.label}, {"branchMatch", from.BranchMatch, &f.branch}} {
			var err error
			if *c.into, err = expression(c.from, at+"."+c.key); err != nil {
				return nil, err
			}
		}
		filters = append(filters, f)
	}
	return filters, nil
}

func (f repositoryFilter) admits(r Repository, branch string) bool {
	return matches(f.repository, r.Name) && matches(f.branch, branch) && (f.label == nil || slices.ContainsFunc(r.Labels, f.label.MatchString))
}

func (f repositoryFilter) hasPaths(host Host, b branchOf) (bool, error) {
	for _, want := range []bool{true, false} {
		paths := f.exist
		if !want {
			paths = f.absent
		}
		for _, path := range paths {
			has, err := host.HasPath(b.repository, b.branch.Name, strings.TrimRight(path, "/"))
			if err != nil {
				return false, err
			}
			if has != want {
				return false, nil
			}
		}
	}
	return true, nil
}
