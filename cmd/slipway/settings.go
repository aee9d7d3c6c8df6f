package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/rbac"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
	steps "github.com/slipway-cd/slipway/engine/sync"
)

// settled decodes the control namespace's ConfigMaps and Secrets. It reads through the manager's cache, which follows them, and
// decodes again only when one has changed.
type settled struct {
	client    client.Reader
	namespace string
	log       *slog.Logger

	mu    sync.Mutex
	key   string
	last  settings.Settings
	rules *health.Rules
	// rights are those of argocd-rbac-cm, or rightsErr says why they cannot be read: then nobody has any.
	rights    *rbac.Enforcer
	rightsErr error
	signing   *source.Signers
	known     compare.KnownFields
	inherited []project.Global
}

// unread are the settings before anybody could read them.
func unread() settings.Settings {
	s := settings.Defaults()
	s.Unread = true
	return s
}

// read gives the settings as they are now. While they cannot be read it gives the last ones.
func (s *settled) read(ctx context.Context) settings.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	var maps corev1.ConfigMapList
	var secrets corev1.SecretList
	// They are asked for with every render, and only read.
	err := errors.Join(s.client.List(ctx, &maps, client.InNamespace(s.namespace), client.UnsafeDisableDeepCopy),
		s.client.List(ctx, &secrets, client.InNamespace(s.namespace), client.HasLabels{settings.SecretTypeLabel}, client.UnsafeDisableDeepCopy))
	if err != nil {
		s.log.Warn("settings could not be read", "error", err)
		return s.last
	}
	key := versions(maps.Items, secrets.Items)
	if key == s.key && !s.last.Unread {
		return s.last
	}
	decoded, faults := settings.Decode(maps.Items, secrets.Items)
	custom := make(map[string]health.Customization, len(decoded.Customizations))
	for kind, c := range decoded.Customizations {
		custom[kind] = health.Customization(c)
	}
	rules, unread := health.New(custom, time.Now)
	faults = append(faults, unread...)
	for _, fault := range faults {
		s.log.Warn("a setting is passed over", "error", fault)
	}
	s.key, s.last, s.rules, s.inherited = key, decoded, rules, globals(decoded.GlobalProjects)
	fields := make([]compare.KnownField, len(decoded.Comparing.Known))
	for i, f := range decoded.Comparing.Known {
		fields[i] = compare.KnownField(f)
	}
	s.known, faults = compare.ReadKnownFields(fields)
	for _, fault := range faults {
		s.log.Warn("a setting is passed over", "error", fault)
	}
	s.signing, faults = source.NewSigners(decoded.SigningKeys)
	for _, fault := range faults {
		s.log.Warn("a signing key is passed over", "config_map", settings.SigningKeysName, "error", fault)
	}
	if s.rights, s.rightsErr = rbac.New(rightsOf(decoded)); s.rightsErr != nil {
		s.log.Warn("rights cannot be read, and are asked of nobody with success", "config_map", settings.RBACName, "error", s.rightsErr)
	}
	return decoded
}

// comparing is how the installation has differences found.
func (s *settled) comparing(ctx context.Context) compare.Options {
	now := s.read(ctx).Comparing
	s.mu.Lock()
	defer s.mu.Unlock()
	o := compare.Options{Status: now.Status, IgnoreAggregatedRoles: now.IgnoreAggregatedRoles, Hide: now.Hide, Known: s.known}
	if now.ServerSide {
		o.Strategy = compare.ServerSideDiff
	}
	return o
}

// health are the installation's rules of health and its actions, as they are now.
func (s *settled) health(ctx context.Context) *health.Rules {
	s.read(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules
}

// switches are what the settings say to all renders.
func (s *settled) switches(ctx context.Context) render.Switches {
	return switchesOf(s.read(ctx))
}

// switchesOf are what settings say to all renders.
func switchesOf(now settings.Settings) render.Switches {
	versions := make(map[string]kustomize.Version, len(now.KustomizeVersions))
	for name, v := range now.KustomizeVersions {
		versions[name] = kustomize.Version{BuildOptions: v.BuildOptions, Path: v.Path}
	}
	return render.Switches{HelmOff: now.HelmDisabled, KustomizeOff: now.KustomizeDisabled, JsonnetOff: now.JsonnetDisabled,
		ValuesFileSchemes: now.ValuesFileSchemes, Kustomize: kustomize.Settings{BuildOptions: now.KustomizeBuildOptions, Versions: versions}}
}

// project is an AppProject as it stands in the control namespace, or nil where there is none.
func (s *settled) project(ctx context.Context, name string) (*argo.AppProject, error) {
	proj := &argo.AppProject{}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, proj)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return proj, err
}

// effective is a project with what it inherits from global ones.
func (s *settled) effective(ctx context.Context, name string) (*argo.AppProject, error) {
	proj, err := s.project(ctx, name)
	if proj == nil || err != nil {
		return nil, err
	}
	return project.Inherit(proj, s.globals(ctx), func(name string) (*argo.AppProject, error) { return s.project(ctx, name) })
}

// globals are the projects from which others inherit, as they are now.
func (s *settled) globals(ctx context.Context) []project.Global {
	s.read(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inherited
}

// globals reads the selectors, which the settings have held to be readable.
func globals(from []settings.GlobalProject) []project.Global {
	var out []project.Global
	for _, g := range from {
		if selector, err := metav1.LabelSelectorAsSelector(&g.LabelSelector); err == nil {
			out = append(out, project.Global{Project: g.ProjectName, Selector: selector})
		}
	}
	return out
}

// impersonation is whether syncs act as service accounts.
func (s *settled) impersonation(ctx context.Context) project.Impersonation {
	now := s.read(ctx)
	return project.Impersonation{Enabled: now.Impersonated, Enforced: !now.AccountOptional}
}

// signers are the keys that signatures are verified by.
func (s *settled) signers(ctx context.Context) *source.Signers {
	s.read(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signing
}

// access is who may do what with the applications of a project, as it is now. The error says what cannot be read.
func (s *settled) access(ctx context.Context, name string) (*rbac.Enforcer, error) {
	s.read(ctx)
	s.mu.Lock()
	rights, err := s.rights, s.rightsErr
	s.mu.Unlock()
	if err == nil && rights == nil {
		err = errors.New("the settings have not been read yet")
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", settings.RBACName, err)
	}
	proj, err := s.project(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading project %s: %w", name, err)
	}
	if proj == nil {
		return rights, nil
	}
	return rights.With(proj)
}

// scope is what the secrets register for one project alone.
func (s *settled) scope(ctx context.Context) func(name string) project.Scope {
	return func(name string) project.Scope {
		now := s.read(ctx)
		var scope project.Scope
		for _, r := range now.Repositories {
			if name != "" && r.Project == name {
				scope.Repositories = append(scope.Repositories, r.URL)
			}
		}
		for _, c := range now.Clusters {
			if name != "" && c.Project == name {
				scope.Clusters = append(scope.Clusters, project.ScopedCluster{Server: c.Server, Name: c.Name, Namespaces: c.Namespaces})
			}
		}
		return scope
	}
}

// versions is the same for the same objects, in whichever order a cache gives them.
func versions(maps []corev1.ConfigMap, secrets []corev1.Secret) string {
	var all []string
	for _, m := range maps {
		all = append(all, "map/"+m.Name+"="+m.ResourceVersion)
	}
	for _, m := range secrets {
		all = append(all, "secret/"+m.Name+"="+m.ResourceVersion)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// tune gives a controller's options with the times that the settings have; a flag goes before them.
func (o *serveOptions) tune(c controller.Options, t settings.Timing) controller.Options {
	c.Period, c.Jitter, c.HardPeriod = never(t.Reconciliation), t.Jitter, t.Hard
	if o.reconcileTimeout > 0 {
		c.Period, c.Jitter = o.reconcileTimeout, o.reconcileTimeout/2
	}
	c.SyncTimeout, c.WaveDelay, c.WaveTimeout, c.Grace = t.SyncTimeout, never(t.WaveDelay), never(t.WaveTimeout), never(t.Grace)
	c.Healing = steps.Healing{First: never(t.HealFirst), Factor: t.HealFactor, Max: t.HealMax}
	return c
}

// never is a time for options, in which 0 means the default: less than none.
func never(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
