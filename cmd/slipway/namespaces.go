package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/settings"
)

// otherNamespaces adds to the namespaces beside the control namespace whose Applications and ApplicationSets count, which the options name,
// those of argocd-cmd-params-cm, as it is at the start. What we may not read is an error now, and not a cache that never fills.
func (o *serveOptions) otherNamespaces(ctx context.Context, cfg *rest.Config) error {
	known, err := types()
	if err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{Scheme: known})
	if err != nil {
		return fmt.Errorf("reaching the management cluster: %w", err)
	}
	var m corev1.ConfigMap
	err = c.Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: settings.ParametersName}, &m)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading %s: %w", settings.ParametersName, err)
	}
	now, _ := settings.Decode([]corev1.ConfigMap{m}, nil) // what else cannot be read there is told when the settings are
	o.appNamespaces, o.setNamespaces = union(o.appNamespaces, now.ApplicationNamespaces), union(o.setNamespaces, now.Sets.Namespaces)
	for ns := range watched(union(o.appNamespaces, o.setNamespaces), o.namespace) {
		if err := c.List(ctx, &argo.ApplicationList{}, client.InNamespace(ns), client.Limit(1)); err != nil {
			return fmt.Errorf("applications of namespace %q are to count (--application-namespaces, application.namespaces, and those of sets), and cannot be listed; "+
				"deploy/application-namespaces gives the right: %w", ns, err)
		}
	}
	if len(o.setNamespaces) == 0 {
		return nil // in the control namespace there may be none, and no definition of them
	}
	for ns := range watched(o.setNamespaces, o.namespace) {
		if err := c.List(ctx, &argo.ApplicationSetList{}, client.InNamespace(ns), client.Limit(1)); err != nil {
			return fmt.Errorf("application sets of namespace %q are to count (--applicationset-namespaces, applicationsetcontroller.namespaces), and cannot be listed; "+
				"deploy/applicationset-namespaces gives the right: %w", ns, err)
		}
	}
	return nil
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// watched are the namespaces that are watched: those that are named, or all where a pattern could be any.
func watched(patterns []string, control string) map[string]cache.Config {
	all := map[string]cache.Config{control: {}}
	for _, p := range patterns {
		if strings.ContainsAny(p, "*?[]{}!\\/") {
			return map[string]cache.Config{cache.AllNamespaces: {}}
		}
		all[p] = cache.Config{}
	}
	return all
}

// setsCount says whether the ApplicationSets of a namespace count.
func (o *serveOptions) setsCount(namespace string) bool {
	return namespace == o.namespace || project.MatchesNamespace(o.setNamespaces, namespace)
}

// counts says whether an application counts for people: it lies in the control namespace, or in one that is served and that its project
// takes applications from. What somebody writes elsewhere is nobody's business.
func (s *settled) counts(patterns []string) func(context.Context, *argo.Application) bool {
	return func(ctx context.Context, app *argo.Application) bool {
		if app.Namespace == s.namespace {
			return true
		}
		if !project.MatchesNamespace(patterns, app.Namespace) {
			return false
		}
		proj, err := s.project(ctx, app.Spec.ProjectName())
		return err == nil && proj != nil && project.New(proj, project.Scope{}).SourceNamespace(app.Namespace, s.namespace)
	}
}

// counted reads as if there were no Applications and ApplicationSets but those that count.
type counted struct {
	client.Reader
	counts func(context.Context, *argo.Application) bool
	sets   func(namespace string) bool // whose ApplicationSets count
}

// Get finds no Application or ApplicationSet that does not count.
func (c counted) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	if err := c.Reader.Get(ctx, key, into, o...); err != nil {
		return err
	}
	if app, ok := into.(*argo.Application); ok && !c.counts(ctx, app) {
		return apierrors.NewNotFound(argo.SchemeGroupVersion.WithResource("applications").GroupResource(), key.Name)
	}
	if _, ok := into.(*argo.ApplicationSet); ok && !c.sets(key.Namespace) {
		return apierrors.NewNotFound(argo.SchemeGroupVersion.WithResource("applicationsets").GroupResource(), key.Name)
	}
	return nil
}

// List leaves out those that do not count.
func (c counted) List(ctx context.Context, into client.ObjectList, o ...client.ListOption) error {
	if err := c.Reader.List(ctx, into, o...); err != nil {
		return err
	}
	if apps, ok := into.(*argo.ApplicationList); ok {
		apps.Items = slices.DeleteFunc(apps.Items, func(app argo.Application) bool { return !c.counts(ctx, &app) })
	}
	if sets, ok := into.(*argo.ApplicationSetList); ok {
		sets.Items = slices.DeleteFunc(sets.Items, func(set argo.ApplicationSet) bool { return !c.sets(set.Namespace) })
	}
	return nil
}

// countedClient is a client that reads so.
type countedClient struct {
	client.Client
	reader counted
}

// Get is counted's.
func (c countedClient) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	return c.reader.Get(ctx, key, into, o...)
}

// List is counted's.
func (c countedClient) List(ctx context.Context, into client.ObjectList, o ...client.ListOption) error {
	return c.reader.List(ctx, into, o...)
}
