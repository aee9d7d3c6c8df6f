package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// Environments are what was decided about the environments of a repository's pull requests, for the ApplicationSets that make them.
type Environments map[int]*slipway.PullRequest

// ReadEnvironments reads them from the API server: the decision that a set was asked to look for must be among them. The repository is
// named OWNER/NAME.
func ReadEnvironments(ctx context.Context, r client.Reader, namespace, host, repository string) (Environments, error) {
	list := &slipway.PullRequestList{}
	if err := r.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("reading what was decided about environments: %w", err)
	}
	all := Environments{}
	for i := range list.Items {
		p := &list.Items[i]
		if strings.EqualFold(p.Spec.Host, host) && strings.EqualFold(p.Spec.Repository.FullName(), repository) {
			all[p.Spec.Number] = p
		}
	}
	return all, nil
}

// Of is the commit that the environment of a pull request is to run, for a generator that asks for some labels; "" when there is to be none.
// Decided is false for a pull request that has not been looked at yet: whoever asks decides by what else is known.
func (e Environments) Of(number int, have, want []string) (sha string, decided bool) {
	p := e[number]
	if p == nil || p.Status.ObservedAsked.IsZero() {
		return "", false
	}
	env := p.Status.Environment
	if env == nil || !env.Wanted() || !env.Commanded && slices.ContainsFunc(want, func(l string) bool { return !slices.Contains(have, l) }) {
		return "", true
	}
	return env.SHA, true
}
