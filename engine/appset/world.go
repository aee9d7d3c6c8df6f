package appset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// World is what generators ask for. The zero World has nothing; generators that list something in it yield NeedsWorld. An error of any
// of its functions means that there is no answer: nothing is generated then, and nothing may be concluded from that.
type World struct {
	// Tree is a repository at a revision as a set names them: revision may be empty, a branch, a tag or a commit.
	Tree func(repoURL, revision string) (fs.FS, error)
	// Clusters are all that are registered, each once. The control plane's own is among them only where it is registered.
	Clusters func() ([]Cluster, error)
	// PullRequests lists those of the repository that a generator names, with the labels and in the state that its provider asks for.
	// ErrNotFound is a repository that is not there, or not for us to see. Of a generator that reaches here, exactly one of Github and
	// GitLab is set.
	PullRequests func(g *argo.PullRequestGenerator) ([]PullRequest, error)
	// Host lists repositories. Of a generator that reaches here, exactly one of Github and Gitlab is set.
	Host func(g *argo.SCMProviderGenerator) (Host, error)
	// Plugin asks the service that a ConfigMap describes for sets of parameters, which are values as JSON decodes them.
	Plugin func(configMap string, input argo.PluginParameters) ([]map[string]any, error)
	// ConfigMap is the content of one beside the set's controller.
	ConfigMap func(name string) (map[string]string, error)
	// Resources lists objects of another kind, for clusterDecisionResource.
	Resources func(q ResourceQuery) ([]map[string]any, error)

	// Known are answers that were given before. Where it is set, generators of organisations, of plugins and of objects of other kinds go by
	// it, and ask nobody.
	Known *Known

	// Doublestar makes the paths of git files globs in which * stays within a folder and ** does not, as
	// --enable-new-git-file-globbing of Argo CD's ApplicationSet controller does. Otherwise they are git pathspecs, whose * crosses
	// folders.
	Doublestar bool
	// HiddenFolders lets git directories list folders whose names begin with a dot, as the repo server's
	// ARGOCD_REPO_SERVER_INCLUDE_HIDDEN_DIRECTORIES does.
	HiddenFolders bool
	// Now is what templates take for the present.
	Now time.Time
}

// ErrNotFound is the World's word for a repository that does not exist.
var ErrNotFound = errors.New("no such repository")

// NeedsWorld is the error of a generator whose answer is not at hand where the set is looked at, such as the clusters that are
// registered with a server.
type NeedsWorld struct {
	// Generator is its kind as the set spells it: "clusters", "pullRequest", "git".
	Generator string
	// Field is where it stands in the set.
	Field string
	// Reason says what is missing, or is empty.
	Reason string
	// Unanswered is that World.Known has no answer to what the generator asks.
	Unanswered bool
}

func (e *NeedsWorld) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = "only the server knows what it yields"
	}
	return fmt.Sprintf("the %s generator: %s", e.Generator, reason)
}

// lacks says whether the world has no answer for a kind of generator.
func (w World) lacks(kind string) bool {
	switch kind {
	case "clusters":
		return w.Clusters == nil
	case "git":
		return w.Tree == nil
	case "pullRequest":
		return w.PullRequests == nil
	case "scmProvider":
		return w.Known == nil && w.Host == nil
	case "plugin":
		return w.Known == nil && w.Plugin == nil
	case "clusterDecisionResource":
		return w.Clusters == nil || w.Known == nil && (w.ConfigMap == nil || w.Resources == nil)
	}
	return false
}

// once keeps the world's answers to one look at a set: a matrix asks the same again and again, and shall be told the same.
func once[T any](r *run, question any, ask func() (T, error)) (T, error) {
	key, err := keyOf[T](question)
	if err != nil {
		var none T
		return none, err
	}
	if known, ok := r.answers[key].(T); ok {
		return known, nil
	}
	answer, err := ask()
	if err == nil {
		r.answers[key] = answer
	}
	return answer, err
}

// keyOf tells one question to the world from another.
func keyOf[T any](question any) (string, error) {
	text, err := json.Marshal(question)
	if err != nil {
		return "", fmt.Errorf("remembering an answer: %w", err)
	}
	return fmt.Sprintf("%T %T %s", *new(T), question, text), nil
}
