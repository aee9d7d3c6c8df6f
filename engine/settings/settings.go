// Package settings reads an installation's settings, as Argo CD keeps them, into one value: the ConfigMaps argocd-cm,
// argocd-cmd-params-cm, argocd-rbac-cm, argocd-ssh-known-hosts-cm, argocd-tls-certs-cm and argocd-gpg-keys-cm, and the Secrets labelled
// argocd.argoproj.io/secret-type. It is pure: who reads them from the control plane's cluster gives them in, and engine/source,
// engine/render and engine/cluster take what they need.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Settings is all that an installation sets. What is unset has Argo CD's default.
type Settings struct {
	// Unread says that nobody could read them yet: a cluster that they do not name may be registered all the same.
	Unread bool
	// Clusters are the registered ones, by name and server. The control plane's own is among them only if it is registered.
	Clusters []Cluster
	// InCluster says that applications may be delivered to the control plane's own cluster.
	InCluster bool
	// Repositories are the registered ones, Credentials the templates for URLs that begin with theirs.
	Repositories []Repository
	Credentials  []Repository

	// URL is where people reach the installation; empty if not set.
	URL string
	// TrackingMethod is "annotation", "label" or "annotation+label".
	TrackingMethod string
	// InstanceLabelKey is the label of label tracking.
	InstanceLabelKey string
	// InstallationID tells installations that share a cluster apart; empty if there is one.
	InstallationID string
	// Timing is how long things take, or may.
	Timing Timing
	// ApplicationNamespaces are globs of namespaces, beside the control namespace, in which Applications count.
	ApplicationNamespaces []string

	// Exclusions and Inclusions filter kinds; see Excluded.
	Exclusions, Inclusions []ResourceFilter
	// IgnoreDifferences apply to every application.
	IgnoreDifferences []argo.ResourceIgnoreDifferences
	// IgnoreUpdates are fields of live objects whose changes are no news; see IgnoredUpdates. UpdatesUnfiltered switches that off.
	IgnoreUpdates     []argo.ResourceIgnoreDifferences
	UpdatesUnfiltered bool
	// Comparing is how differences are found.
	Comparing Comparing

	// HelmDisabled, KustomizeDisabled and JsonnetDisabled switch a tool off.
	HelmDisabled, KustomizeDisabled, JsonnetDisabled bool
	// KustomizeBuildOptions are the flags of kustomize build.
	KustomizeBuildOptions string
	// KustomizeVersions are those that sources may choose by name.
	KustomizeVersions map[string]KustomizeVersion

	// ValuesFileSchemes are those of the URLs that value files of charts may have; empty where nothing says so.
	ValuesFileSchemes []string
	// SubmodulesDisabled leaves submodules of Git repositories empty folders.
	SubmodulesDisabled bool

	// Customizations are the installation's own rules of health and its actions, by "group/Kind"; a name may be a glob.
	Customizations map[string]Customization

	// Sets are the settings of ApplicationSets.
	Sets ApplicationSets

	// KnownHosts are SSH host keys as ssh writes them, Certificates trusted PEM certificates by host.
	KnownHosts   string
	Certificates map[string]string

	// SigningKeys are the armored public keys that signatures are verified by, by their names.
	SigningKeys map[string]string

	// Impersonated has syncs act as the service accounts that projects name; AccountOptional lets those act as ourselves for which none is named.
	Impersonated, AccountOptional bool

	// GlobalProjects are those from which others inherit.
	GlobalProjects []GlobalProject

	// RBAC is who may do what; Accounts are the names of local accounts beside "admin".
	RBAC     RBAC
	Accounts []string
}

// Names of the ConfigMaps that are read, and the label of the Secrets.
const (
	ConfigMapName           = "argocd-cm"
	ParametersName          = "argocd-cmd-params-cm"
	KnownHostsName          = "argocd-ssh-known-hosts-cm"
	CertificatesName        = "argocd-tls-certs-cm"
	SigningKeysName         = "argocd-gpg-keys-cm"
	SecretTypeLabel         = "argocd.argoproj.io/secret-type"
	skipReconcileAnnotation = "argocd.argoproj.io/skip-reconcile"
	submodulesKey           = "reposerver.enable.git.submodule"
)

// Defaults are the settings of an installation that sets nothing.
func Defaults() Settings {
	return Settings{InCluster: true, TrackingMethod: "annotation", InstanceLabelKey: "app.kubernetes.io/instance",
		Timing: defaultTiming, Comparing: Comparing{Status: "all"},
		Sets: applicationSetDefaults()}
}

// Decode reads ConfigMaps and Secrets in any order; those of other names and labels are skipped. An entry that cannot be read
// is left out, or keeps its default, and is one of the errors, which name the object and key and never quote a Secret. A cluster to which
// no way can be read is left in, with its Fault.
func Decode(configMaps []corev1.ConfigMap, secrets []corev1.Secret) (Settings, []error) {
	s := Defaults()
	var errs []error
	for _, m := range configMaps {
		switch m.Name {
		case ConfigMapName:
			errs = append(errs, s.readConfigMap(m.Data)...)
		case ParametersName:
			s.Comparing.ServerSide = m.Data["controller.diff.server.side"] == "true"
			s.ApplicationNamespaces = list(m.Data["application.namespaces"])
			errs = append(errs, s.Sets.read(m.Data)...)
			errs = append(errs, s.Timing.parameters(m.Data)...)
			enabled, err := strconv.ParseBool(cmp.Or(m.Data[submodulesKey], "true"))
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s is neither true nor false", ParametersName, submodulesKey))
			}
			s.SubmodulesDisabled = err == nil && !enabled
		case RBACName:
			rights, err := DecodeRBAC(m.Data)
			if s.RBAC = rights; err != nil {
				errs = append(errs, err)
			}
		case KnownHostsName:
			s.KnownHosts = m.Data["ssh_known_hosts"]
		case SigningKeysName:
			s.SigningKeys = m.Data
		case CertificatesName:
			s.Certificates = m.Data
		}
	}
	for i := range secrets {
		if err := s.readSecret(&secrets[i]); err != nil {
			errs = append(errs, fmt.Errorf("secret %s: %w", secrets[i].Name, err))
		}
	}
	s.sort()
	return s, errs
}

func (s *Settings) readSecret(secret *corev1.Secret) error {
	switch secret.Labels[SecretTypeLabel] {
	case "cluster":
		c, err := decodeCluster(secret)
		if err != nil {
			return err
		}
		s.Clusters = append(s.Clusters, c)
		if c.Fault != "" {
			return errors.New(c.Fault)
		}
	case "repository":
		r, err := decodeRepository(secret)
		if err != nil {
			return err
		}
		s.Repositories = append(s.Repositories, r)
	case "repo-creds":
		r, err := decodeRepository(secret)
		if err != nil {
			return err
		}
		s.Credentials = append(s.Credentials, r)
	}
	return nil
}

// sort makes the value the same whatever order the objects came in.
func (s *Settings) sort() {
	slices.SortStableFunc(s.Clusters, func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Secret, b.Secret))
	})
	for _, repositories := range [][]Repository{s.Repositories, s.Credentials} {
		slices.SortStableFunc(repositories, func(a, b Repository) int {
			return cmp.Or(cmp.Compare(a.URL, b.URL), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Secret, b.Secret))
		})
	}
}

func (s *Settings) readConfigMap(m map[string]string) []error {
	var errs []error
	fail := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", ConfigMapName, key, err))
		}
	}
	s.URL = strings.TrimSuffix(strings.TrimSpace(m["url"]), "/")
	s.InstallationID = m["installationID"]
	s.Accounts = accounts(m)
	s.Impersonated = m["application.sync.impersonation.enabled"] == "true"
	s.AccountOptional = m["application.sync.impersonation.enforced"] == "false"
	s.InstanceLabelKey = cmp.Or(m["application.instanceLabelKey"], s.InstanceLabelKey)
	errs = append(errs, s.readKustomize(m)...)
	s.HelmDisabled = m["helm.enable"] == "false"
	s.KustomizeDisabled = m["kustomize.enable"] == "false"
	s.JsonnetDisabled = m["jsonnet.enable"] == "false"
	s.ValuesFileSchemes = list(m["helm.valuesFileSchemes"])
	s.InCluster = m["cluster.inClusterEnabled"] != "false"
	switch method := m["application.resourceTrackingMethod"]; method {
	case "":
	case "annotation", "label", "annotation+label":
		s.TrackingMethod = method
	default:
		fail("application.resourceTrackingMethod", fmt.Errorf("%q is none of annotation, label, annotation+label", method))
	}
	errs = append(errs, s.Timing.polling(m)...)
	fail("resource.exclusions", filters(m["resource.exclusions"], &s.Exclusions))
	fail("resource.inclusions", filters(m["resource.inclusions"], &s.Inclusions))
	fail("resource.compareoptions", comparing(m["resource.compareoptions"], &s.Comparing))
	s.Comparing.Hide = list(m["resource.sensitive.mask.annotations"])
	s.UpdatesUnfiltered = m["resource.ignoreResourceUpdatesEnabled"] == "false"
	rules, bad := ignoreRules(m, ignoreDifferences)
	s.IgnoreDifferences = rules
	errs = append(errs, bad...)
	rules, bad = ignoreRules(m, ignoreUpdates)
	s.IgnoreUpdates = rules
	errs = append(errs, bad...)
	s.GlobalProjects, bad = globalProjects(m["globalProjects"])
	errs = append(errs, bad...)
	s.Comparing.Known, bad = knownFields(m)
	errs = append(errs, bad...)
	s.Customizations, bad = customizations(m)
	return append(errs, bad...)
}

// duration reads "180s", "3m", or a plain number of seconds.
func duration(m map[string]string, key string, into *time.Duration) error {
	text := strings.TrimSpace(m[key])
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		seconds, numErr := strconv.Atoi(text)
		if numErr != nil {
			return err
		}
		d = time.Duration(seconds) * time.Second
	}
	if d < 0 {
		return fmt.Errorf("%q is negative", text)
	}
	*into = d
	return nil
}

// list splits at commas and drops what is empty.
func list(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
