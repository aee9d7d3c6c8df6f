package controller

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// generation is what the set makes: of a new listing where there is reason for one, else of the last.
func (p *setPass) generation(ctx context.Context) (appset.Generation, listing) {
	digest := p.digestOf()
	if !p.memo.stale(digest, p.now()) && !p.asked {
		return p.memo.made, p.memo.listing
	}
	ctx, cancel := context.WithTimeout(ctx, p.Sets.Options.Timeout)
	defer cancel()
	at := p.now()
	made, err := appset.Unfold(p.set, p.world(ctx, at))
	label(made)
	if err == nil && p.Answers != nil {
		p.Answers.keep(client.ObjectKeyFromObject(p.set), made.Answers)
	}
	p.memo.digest, p.memo.listing, p.memo.made = digest, listing{at: at, err: err}, made
	after := appset.RequeueAfter(p.set, p.settings.RequeueAfter)
	if err != nil {
		after = p.Sets.Options.Retry
	}
	p.memo.next = time.Time{}
	if after > 0 {
		p.memo.next = at.Add(after)
	}
	return made, p.memo.listing
}

// label says on each application which pull request it was made of, for those who follow that.
func label(made appset.Generation) {
	for _, app := range made.Applications {
		pull, ok := made.Pulls[app.Name]
		if !ok {
			continue
		}
		if app.Annotations == nil {
			app.Annotations = map[string]string{}
		}
		app.Annotations[slipway.AnnotationPullRequest] = pull.Key()
		app.Annotations[slipway.AnnotationPullRequestHead] = pull.Head
	}
}

// world is what the set's generators may ask.
func (p *setPass) world(ctx context.Context, now time.Time) appset.World {
	fresh := p.asked || appset.RequeueAfter(p.set, p.settings.RequeueAfter) < p.settings.RequeueAfter
	w := appset.World{
		Now: now, Doublestar: p.settings.Doublestar,
		Clusters:  func() ([]appset.Cluster, error) { return p.clusterSecrets(ctx) },
		ConfigMap: func(name string) (map[string]string, error) { return p.configMap(ctx, p.ControlNamespace, name) },
		Resources: func(q appset.ResourceQuery) ([]map[string]any, error) { return p.resources(ctx, q) },
		Plugin: func(name string, input argo.PluginParameters) ([]map[string]any, error) {
			return p.plugin(ctx, name, input)
		},
	}
	// As in Argo CD a set whose template does not name its project outright reads with credentials that are no project's own.
	w.Tree = func(repoURL, revision string) (fs.FS, error) {
		if err := p.mayRead(ctx, repoURL); err != nil {
			return nil, err
		}
		return p.Trees.At(ctx, source.Query{RepoURL: repoURL, Revision: revision, Project: project.OfSet(p.set), Fresh: fresh})
	}
	if p.Forges == nil {
		return w
	}
	w.PullRequests = func(g *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
		a, err := p.askingPullRequests(ctx, g)
		if err != nil {
			return nil, err
		}
		return p.Forges.PullRequests(ctx, a, g)
	}
	w.Host = func(g *argo.SCMProviderGenerator) (appset.Host, error) {
		a, err := p.askingProvider(ctx, g)
		if err != nil {
			return nil, err
		}
		return p.Forges.Host(ctx, a, g)
	}
	return w
}

// mayRead says whether the set's generators may read a repository, with credentials that are not its author's.
func (p *setPass) mayRead(ctx context.Context, repoURL string) error {
	if p.set.Namespace == p.ControlNamespace {
		return nil
	}
	name := project.OfSet(p.set)
	var proj *argo.AppProject
	if name != "" {
		var err error
		if proj, err = p.projectNamed(ctx, name); err != nil {
			return err
		}
	}
	var scope project.Scope
	if p.Scope != nil {
		scope = p.Scope(name)
	}
	if refused := project.Generates(p.set, proj, scope, p.ControlNamespace, repoURL); refused != nil {
		return refused
	}
	return nil
}

// clusterSecrets are the registered clusters, whether they can be reached or not: one whose Secret has a mistake is still there.
func (p *setPass) clusterSecrets(ctx context.Context) ([]appset.Cluster, error) {
	return RegisteredClusters(ctx, p.client, p.ControlNamespace)
}

// lastApplied is an annotation in which kubectl keeps a copy of the whole object, of a Secret the secrets.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// RegisteredClusters are the clusters that generators list: the cluster Secrets of the control namespace, by their names.
func RegisteredClusters(ctx context.Context, r client.Reader, namespace string) ([]appset.Cluster, error) {
	var list corev1.SecretList
	err := r.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{settings.SecretTypeLabel: "cluster"}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b corev1.Secret) int { return cmp.Compare(a.Name, b.Name) })
	clusters := make([]appset.Cluster, len(list.Items))
	for i, s := range list.Items {
		annotations := maps.Clone(s.Annotations)
		delete(annotations, lastApplied)
		clusters[i] = appset.Cluster{Name: string(s.Data["name"]), Server: string(s.Data["server"]), Project: string(s.Data["project"]),
			Labels: s.Labels, Annotations: annotations}
	}
	return clusters, nil
}

func (p *setPass) configMap(ctx context.Context, namespace, name string) (map[string]string, error) {
	m := &corev1.ConfigMap{}
	if err := p.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, m); err != nil {
		return nil, err
	}
	return m.Data, nil
}

// resources lists objects of the control namespace, past the cache: nothing else is known of their kind.
func (p *setPass) resources(ctx context.Context, q appset.ResourceQuery) ([]map[string]any, error) {
	gv, err := schema.ParseGroupVersion(q.APIVersion)
	if err != nil {
		return nil, &object.Fault{Message: fmt.Sprintf("the apiVersion %q is none", q.APIVersion)}
	}
	gvk := gv.WithKind(q.Kind)
	if named, err := p.client.RESTMapper().KindFor(gv.WithResource(q.Kind)); err == nil {
		gvk = named
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk)
	options := []client.ListOption{client.InNamespace(p.ControlNamespace)}
	if q.Name == "" {
		selector, err := metav1.LabelSelectorAsSelector(&q.Selector)
		if err != nil {
			return nil, &object.Fault{Message: "the labelSelector cannot be read: " + err.Error()}
		}
		options = append(options, client.MatchingLabelsSelector{Selector: selector})
	} else {
		options = append(options, client.MatchingFields{"metadata.name": q.Name})
	}
	if err := p.reader.List(ctx, list, options...); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int { return cmp.Compare(a.GetName(), b.GetName()) })
	all := make([]map[string]any, len(list.Items))
	for i := range list.Items {
		all[i] = list.Items[i].Object
	}
	return all, nil
}

// askingPullRequests finds with which credentials pull requests are listed.
func (p *setPass) askingPullRequests(ctx context.Context, g *argo.PullRequestGenerator) (Asking, error) {
	var q credentialsQuery
	if g.Github != nil {
		q = credentialsQuery{api: g.Github.API, token: g.Github.TokenRef, app: g.Github.AppSecretName}
	} else {
		q = credentialsQuery{api: g.GitLab.API, token: g.GitLab.TokenRef, ca: g.GitLab.CARef, insecure: g.GitLab.Insecure}
	}
	a, err := p.asking(ctx, q)
	a.Strangers = p.set.Annotations[strangersAnnotation] == "allow"
	return a, err
}

func (p *setPass) askingProvider(ctx context.Context, g *argo.SCMProviderGenerator) (Asking, error) {
	if g.Github != nil {
		return p.asking(ctx, credentialsQuery{api: g.Github.API, token: g.Github.TokenRef, app: g.Github.AppSecretName})
	}
	return p.asking(ctx, credentialsQuery{api: g.Gitlab.API, token: g.Gitlab.TokenRef, ca: g.Gitlab.CARef, insecure: g.Gitlab.Insecure})
}

// credentialsQuery is how a generator names its credentials.
type credentialsQuery struct {
	api      string
	token    *argo.SecretRef
	app      string
	ca       *argo.ConfigMapKeyRef
	insecure bool
}

// asking reads the credentials that a generator names, from its set's namespace. Whoever may write sets elsewhere than in the control
// namespace must not send credentials, or requests at all, wherever they like: there the operator says which forges may be named.
func (p *setPass) asking(ctx context.Context, q credentialsQuery) (Asking, error) {
	control := p.set.Namespace == p.ControlNamespace
	allowed := p.settings.AllowedProviders
	switch {
	case p.settings.ProvidersOff:
		return Asking{}, &object.Fault{Message: "scm providers are disabled (applicationsetcontroller.enable.scm.providers of argocd-cmd-params-cm)"}
	case !control && len(allowed) == 0:
		return Asking{}, &object.Fault{Message: "a set outside the control namespace may ask no forge: applicationsetcontroller.allowed.scm.providers of argocd-cmd-params-cm names none"}
	case q.api != "" && len(allowed) > 0 && !slices.Contains(allowed, q.api):
		return Asking{}, &object.Fault{Message: fmt.Sprintf("scm provider %q not allowed, must use one of the following: %s", q.api, strings.Join(allowed, ", "))}
	}
	a := Asking{Own: control, Insecure: q.insecure}
	var err error
	if q.ca != nil {
		m, err := p.configMap(ctx, p.set.Namespace, q.ca.ConfigMapName)
		if err != nil {
			return a, fmt.Errorf("reading the certificates in ConfigMap %s: %w", q.ca.ConfigMapName, err)
		}
		if a.CA = []byte(m[q.ca.Key]); len(a.CA) == 0 {
			return a, &object.Fault{Message: fmt.Sprintf("the ConfigMap %s has no key %q", q.ca.ConfigMapName, q.ca.Key)}
		}
	}
	switch {
	case q.app != "":
		if !control {
			return a, &object.Fault{Message: "a set outside the control namespace may not use the credentials of an App (appSecretName)"}
		}
		a.App, err = p.app(ctx, q.app)
	case q.token != nil:
		a.Token, err = p.secret(ctx, p.set.Namespace, *q.token, p.settings.StrictTokens)
	}
	return a, err
}

// app is the GitHub App of a Secret that is registered for repositories.
func (p *setPass) app(ctx context.Context, name string) (*settings.GitHubApp, error) {
	now := p.Settings(ctx)
	for _, r := range append(slices.Clone(now.Credentials), now.Repositories...) {
		if r.Secret == name && r.GitHubApp.PrivateKey != "" {
			return &r.GitHubApp, nil
		}
	}
	return nil, &object.Fault{Message: fmt.Sprintf("there is no Secret %s of type repo-creds with a GitHub App's key", name)}
}

// tokenType is the type of the Secrets whose tokens may be shown to forges, where that is asked for strictly.
const tokenType = "scm-creds"

// secret reads a key of a Secret past the cache, which holds only those of the settings.
func (p *setPass) secret(ctx context.Context, namespace string, ref argo.SecretRef, strict bool) (settings.Hidden, error) {
	s := &corev1.Secret{}
	if err := p.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.SecretName}, s); err != nil {
		return "", fmt.Errorf("reading the token in Secret %s: %w", ref.SecretName, err)
	}
	if strict && s.Labels[settings.SecretTypeLabel] != tokenType {
		return "", &object.Fault{Message: fmt.Sprintf("the Secret %s is not labelled %s=%s", ref.SecretName, settings.SecretTypeLabel, tokenType)}
	}
	token := strings.TrimSpace(string(s.Data[ref.Key]))
	if token == "" {
		return "", &object.Fault{Message: fmt.Sprintf("the Secret %s has no key %q", ref.SecretName, ref.Key)}
	}
	return settings.Hidden(token), nil
}
