package appset_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
)

// facts are what a case's world knows beside its repository. What is left out is not known, as on a laptop.
type facts struct {
	Clusters []appset.Cluster `json:"clusters"`
	// Pulls by "owner/name" of GitHub or the path of GitLab.
	Pulls map[string][]appset.PullRequest `json:"pulls"`
	// Repositories by organisation or group.
	Repositories map[string][]repositoryFacts `json:"repositories"`
	// Plugins by ConfigMap.
	Plugins    map[string]pluginFacts       `json:"plugins"`
	ConfigMaps map[string]map[string]string `json:"configMaps"`
	Resources  map[string][]map[string]any  `json:"resources"` // by "apiVersion kind"
	Fails      map[string]string            `json:"fails"`     // what a call answers instead: clusters, pulls, repositories, branches, paths, plugin, configMap, resources
}

type repositoryFacts struct {
	appset.Repository `json:",inline"`
	Branches          []appset.Branch     `json:"branches"`
	Paths             map[string][]string `json:"paths"` // by branch
}

type pluginFacts struct {
	// Wants are the keys of the input without which the service answers nothing.
	Wants   []string         `json:"wants"`
	Answers []map[string]any `json:"answers"`
}

func (f *facts) fail(call string) error {
	switch text := f.Fails[call]; text {
	case "":
		return nil
	case "not found":
		return fmt.Errorf("asking for %s: %w", call, appset.ErrNotFound)
	default:
		return errors.New(text)
	}
}

// tell lets a world answer what is known.
func (f *facts) tell(w *appset.World) {
	if f.Clusters != nil || f.Fails["clusters"] != "" {
		w.Clusters = func() ([]appset.Cluster, error) { return f.Clusters, f.fail("clusters") }
	}
	if f.Pulls != nil || f.Fails["pulls"] != "" {
		w.PullRequests = f.pulls
	}
	if f.Repositories != nil || f.Fails["repositories"] != "" {
		w.Host = func(g *argo.SCMProviderGenerator) (appset.Host, error) { return host{f, g}, nil }
	}
	if f.Plugins != nil || f.Fails["plugin"] != "" {
		w.Plugin = f.plugin
	}
	if f.ConfigMaps != nil || f.Fails["configMap"] != "" {
		w.ConfigMap = func(name string) (map[string]string, error) {
			m, ok := f.ConfigMaps[name]
			if !ok && f.Fails["configMap"] == "" {
				return nil, fmt.Errorf("configmaps %q not found", name)
			}
			return m, f.fail("configMap")
		}
	}
	if f.Resources != nil || f.Fails["resources"] != "" {
		w.Resources = f.resources
	}
}

func (f *facts) pulls(g *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	if err := f.fail("pulls"); err != nil {
		return nil, err
	}
	var name string
	var wanted []string
	if g.Github != nil {
		name, wanted = g.Github.Owner+"/"+g.Github.Repo, g.Github.Labels
	} else {
		name, wanted = g.GitLab.Project, g.GitLab.Labels
	}
	all, ok := f.Pulls[name]
	if !ok {
		return nil, fmt.Errorf("listing %s: %w", name, appset.ErrNotFound)
	}
	return slices.DeleteFunc(slices.Clone(all), func(p appset.PullRequest) bool {
		return slices.ContainsFunc(wanted, func(l string) bool { return !slices.Contains(p.Labels, l) })
	}), nil
}

func (f *facts) plugin(name string, input argo.PluginParameters) ([]map[string]any, error) {
	if err := f.fail("plugin"); err != nil {
		return nil, err
	}
	p := f.Plugins[name]
	for _, key := range p.Wants {
		if _, ok := input[key]; !ok {
			return nil, nil
		}
	}
	return p.Answers, nil
}

func (f *facts) resources(q appset.ResourceQuery) ([]map[string]any, error) {
	if err := f.fail("resources"); err != nil {
		return nil, err
	}
	selector, err := metav1.LabelSelectorAsSelector(&q.Selector)
	if err != nil {
		return nil, err
	}
	var found []map[string]any
	for _, o := range f.Resources[q.APIVersion+" "+q.Kind] {
		meta, _ := o["metadata"].(map[string]any)
		have := labels.Set{}
		for k, v := range asStrings(meta["labels"]) {
			have[k] = v
		}
		if q.Name != "" && meta["name"] != q.Name || q.Name == "" && !selector.Matches(have) {
			continue
		}
		found = append(found, o)
	}
	return found, nil
}

func asStrings(v any) map[string]string {
	m, _ := v.(map[string]any)
	out := map[string]string{}
	for k, item := range m {
		out[k] = fmt.Sprint(item)
	}
	return out
}

// host answers as a forge does.
type host struct {
	*facts
	g *argo.SCMProviderGenerator
}

func (h host) organization() string {
	if h.g.Github != nil {
		return h.g.Github.Organization
	}
	return h.g.Gitlab.Group
}

func (h host) Repositories() ([]appset.Repository, error) {
	var all []appset.Repository
	for _, r := range h.facts.Repositories[h.organization()] {
		all = append(all, r.Repository)
	}
	return all, h.fail("repositories")
}

func (h host) of(name string) repositoryFacts {
	for _, r := range h.facts.Repositories[h.organization()] {
		if r.Name == name {
			return r
		}
	}
	return repositoryFacts{}
}

func (h host) Branches(r appset.Repository) ([]appset.Branch, error) {
	all := h.of(r.Name).Branches
	if h.g.Github != nil && !h.g.Github.AllBranches || h.g.Gitlab != nil && !h.g.Gitlab.AllBranches {
		all = slices.DeleteFunc(slices.Clone(all), func(b appset.Branch) bool { return b.Name != r.DefaultBranch })
	}
	return all, h.fail("branches")
}

func (h host) HasPath(r appset.Repository, branch, path string) (bool, error) {
	return slices.ContainsFunc(h.of(r.Name).Paths[branch], func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") }), h.fail("paths")
}
