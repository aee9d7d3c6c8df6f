package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultProject is the project of an application that names none.
const DefaultProject = "default"

// Application is a set of manifests from one or more sources, and the cluster
// and namespace to which they are delivered.
//
// There is no status subresource: spec, status and operation share one
// resourceVersion, as automation written for Argo CD expects.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=applications,shortName=app;apps
// +kubebuilder:printcolumn:name="Sync Status",type=string,JSONPath=`.status.sync.status`
// +kubebuilder:printcolumn:name="Health Status",type=string,JSONPath=`.status.health.status`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.sync.revision`,priority=10
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.project`,priority=10
// +kubebuilder:printcolumn:name="Operation",type=string,JSONPath=`.status.operationState.phase`,priority=10
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=10
type Application struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Spec is what the team wants.
	Spec ApplicationSpec `json:"spec"`
	// Status is what the controller saw and did last.
	Status ApplicationStatus `json:"status,omitempty,omitzero"`
	// Operation asks for a sync. Writing it starts one; the controller moves it
	// to status.operationState and clears it at the end. While one is present,
	// no second may be written.
	Operation *Operation `json:"operation,omitempty"`
}

// ApplicationList is what the API server answers to a list of applications.
//
// +kubebuilder:object:root=true
type ApplicationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Application `json:"items"`
}

// ApplicationSpec says where manifests come from, where they go, and when.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSpec struct {
	// Source is the single source. It is ignored when sources is not empty.
	Source *ApplicationSource `json:"source,omitempty"`
	// Destination is the cluster and the namespace that objects without one get.
	Destination ApplicationDestination `json:"destination"`
	// Project is the name of the AppProject that limits this application. Empty
	// means "default".
	Project string `json:"project"`
	// SyncPolicy says when and how to sync.
	SyncPolicy *SyncPolicy `json:"syncPolicy,omitempty"`
	// IgnoreDifferences lists fields that are left out of the comparison.
	IgnoreDifferences IgnoreDifferences `json:"ignoreDifferences,omitempty"`
	// Info lists names and values for people; values that are URLs are links.
	Info []Info `json:"info,omitempty"`
	// RevisionHistoryLimit is how many entries status.history keeps: 10 if
	// absent; with 0 there is nothing to roll back to.
	RevisionHistoryLimit *int64 `json:"revisionHistoryLimit,omitempty"`
	// Sources lists several sources, whose objects are put together in order.
	Sources ApplicationSources `json:"sources,omitempty"`
	// SourceHydrator, instead of source and sources, has rendered manifests
	// pushed to a branch and syncs from there.
	SourceHydrator *SourceHydrator `json:"sourceHydrator,omitempty"`
}

// ApplicationDestination names a cluster, by its API URL or by its registered
// name (exactly one of both), and a namespace.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationDestination struct {
	// Server is the URL of the cluster's API; a trailing slash does not matter.
	Server string `json:"server,omitempty"`
	// Namespace is given to namespaced objects that state none. It overrides
	// nothing.
	Namespace string `json:"namespace,omitempty"`
	// Name is the name under which the cluster is registered.
	Name string `json:"name,omitempty"`
}

// IgnoreDifferences is a list of comparison exceptions.
type IgnoreDifferences []ResourceIgnoreDifferences

// ResourceIgnoreDifferences selects objects, and fields of them that are left
// out of the comparison.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ResourceIgnoreDifferences struct {
	// Group of the objects; a glob. Empty is the core group.
	Group string `json:"group,omitempty"`
	// Kind of the objects; a glob.
	Kind string `json:"kind"`
	// Name of the object; empty means all.
	Name string `json:"name,omitempty"`
	// Namespace of the object; empty means all.
	Namespace string `json:"namespace,omitempty"`
	// JSONPointers are fields as RFC 6901 writes them.
	JSONPointers []string `json:"jsonPointers,omitempty"`
	// JQPathExpressions are fields as jq writes them.
	JQPathExpressions []string `json:"jqPathExpressions,omitempty"`
	// ManagedFieldsManagers are field managers whose fields are left alone.
	ManagedFieldsManagers []string `json:"managedFieldsManagers,omitempty"`
}

// Info is a name and a value for people to read.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Info struct {
	// Name of the entry.
	Name string `json:"name"`
	// Value of the entry.
	Value string `json:"value"`
}

// SyncPolicy says when an application is synced and how.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SyncPolicy struct {
	// Automated, if present, has the controller sync by itself.
	Automated *SyncPolicyAutomated `json:"automated,omitempty"`
	// SyncOptions are strings of the form Key=value.
	SyncOptions SyncOptions `json:"syncOptions,omitempty"`
	// Retry says how often and how soon a failed sync is tried again.
	Retry *RetryStrategy `json:"retry,omitempty"`
	// ManagedNamespaceMetadata is put on the destination namespace. It has an
	// effect only together with the option CreateNamespace=true.
	ManagedNamespaceMetadata *ManagedNamespaceMetadata `json:"managedNamespaceMetadata,omitempty"`
}

// SyncPolicyAutomated says what the controller may do by itself.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SyncPolicyAutomated struct {
	// Prune deletes objects that are no longer in the sources.
	Prune bool `json:"prune,omitempty"`
	// SelfHeal reverts changes that others make to live objects.
	SelfHeal bool `json:"selfHeal,omitempty"`
	// AllowEmpty lets a sync delete the last object of an application.
	AllowEmpty bool `json:"allowEmpty,omitempty"`
	// Enabled switches the automation off without losing its settings. Absent
	// means enabled.
	Enabled *bool `json:"enabled,omitempty"`
}

// SyncOptions is a list of options, each of the form Key=value.
type SyncOptions []string

// RetryStrategy says how a failed sync is tried again.
//
// +kubebuilder:pruning:PreserveUnknownFields
type RetryStrategy struct {
	// Limit is the number of attempts after the first. Negative is no limit.
	Limit int64 `json:"limit,omitempty"`
	// Backoff is the wait between attempts.
	Backoff *Backoff `json:"backoff,omitempty"`
	// Refresh has attempts use the newest revision instead of the one that
	// failed.
	Refresh bool `json:"refresh,omitempty"`
}

// Backoff is a wait that grows.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Backoff struct {
	// Duration of the first wait: seconds, or a Go duration such as "2m".
	Duration string `json:"duration,omitempty"`
	// Factor multiplies the wait after each attempt.
	Factor *int64 `json:"factor,omitempty"`
	// MaxDuration is the longest wait, written like duration.
	MaxDuration string `json:"maxDuration,omitempty"`
}

// ManagedNamespaceMetadata is put on a namespace that the sync creates.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ManagedNamespaceMetadata struct {
	// Labels of the namespace.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the namespace.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// SourceList returns the sources in effect: the branch that a source hydrator
// fills, else sources if there are any, else the single source. It is empty for
// a spec that names none.
func (s *ApplicationSpec) SourceList() []ApplicationSource {
	switch {
	case s.SourceHydrator != nil:
		return []ApplicationSource{s.SourceHydrator.Source()}
	case len(s.Sources) > 0:
		return s.Sources
	case s.Source != nil:
		return []ApplicationSource{*s.Source}
	default:
		return nil
	}
}

// HasMultipleSources reports whether status uses the plural fields (revisions,
// sources, sourceTypes) for this spec: it does as soon as sources is used, even
// for a single entry.
func (s *ApplicationSpec) HasMultipleSources() bool {
	return s.SourceHydrator == nil && len(s.Sources) > 0
}

// ProjectName returns the project, "default" if the spec names none.
func (s *ApplicationSpec) ProjectName() string {
	if s.Project == "" {
		return DefaultProject
	}
	return s.Project
}

// IsAutomated reports whether the controller syncs by itself: automated is
// present and not switched off. A nil policy is not automated.
func (p *SyncPolicy) IsAutomated() bool {
	if p == nil || p.Automated == nil {
		return false
	}
	return p.Automated.Enabled == nil || *p.Automated.Enabled
}

// Options returns the sync options; a nil policy has none.
func (p *SyncPolicy) Options() SyncOptions {
	if p == nil {
		return nil
	}
	return p.SyncOptions
}

// Has reports whether exactly this option, such as "ServerSideApply=true", is
// in the list. Options are compared as strings, as users of Argo CD know them.
func (o SyncOptions) Has(option string) bool {
	return slices.Contains(o, option)
}

// String names the destination for people: cluster, a slash, namespace.
func (d ApplicationDestination) String() string {
	cluster := d.Name
	if cluster == "" {
		cluster = d.Server
	}
	if d.Namespace == "" {
		return cluster
	}
	return cluster + "/" + d.Namespace
}
