package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ApplicationStatus is what the controller saw and did last.
type ApplicationStatus struct {
	// Resources lists the objects of the application.
	Resources []ResourceStatus `json:"resources,omitempty"`
	// Sync says whether the cluster is as the sources say.
	Sync SyncStatus `json:"sync,omitempty,omitzero"`
	// Health is that of the least healthy object.
	Health HealthStatus `json:"health,omitempty,omitzero"`
	// History lists past syncs, oldest first.
	History RevisionHistories `json:"history,omitempty"`
	// Conditions are errors and warnings.
	Conditions []ApplicationCondition `json:"conditions,omitempty"`
	// ReconciledAt is when sources and cluster were last compared.
	ReconciledAt *metav1.Time `json:"reconciledAt,omitempty"`
	// OperationState is the progress of the running operation, or the end of
	// the last.
	OperationState *OperationState `json:"operationState,omitempty"`
	// ObservedAt is no longer written.
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
	// SourceType is how the source is rendered.
	SourceType ApplicationSourceType `json:"sourceType,omitempty"`
	// Summary lists images and URLs.
	Summary ApplicationSummary `json:"summary,omitempty,omitzero"`
	// ResourceHealthSource is appTree where resources carry no health.
	ResourceHealthSource ResourceHealthLocation `json:"resourceHealthSource,omitempty"`
	// SourceTypes is how each of the sources is rendered.
	SourceTypes []ApplicationSourceType `json:"sourceTypes,omitempty"`
	// ControllerNamespace is where the controller in charge runs.
	ControllerNamespace string `json:"controllerNamespace,omitempty"`
	// SourceHydrator is the progress of hydration.
	SourceHydrator SourceHydratorStatus `json:"sourceHydrator,omitempty,omitzero"`
}

// ApplicationSourceType is how a source is rendered.
type ApplicationSourceType string

// The ways in which a source is rendered.
const (
	ApplicationSourceTypeHelm      ApplicationSourceType = "Helm"
	ApplicationSourceTypeKustomize ApplicationSourceType = "Kustomize"
	ApplicationSourceTypeDirectory ApplicationSourceType = "Directory"
	ApplicationSourceTypePlugin    ApplicationSourceType = "Plugin"
)

// ResourceHealthLocation says where the health of resources is to be found.
type ResourceHealthLocation string

// The places; inline is the empty string.
const (
	ResourceHealthLocationInline  ResourceHealthLocation = ""
	ResourceHealthLocationAppTree ResourceHealthLocation = "appTree"
)

// SyncStatusCode says whether the cluster is as the sources say.
type SyncStatusCode string

// The values of a sync status.
const (
	SyncStatusCodeUnknown   SyncStatusCode = "Unknown"
	SyncStatusCodeSynced    SyncStatusCode = "Synced"
	SyncStatusCodeOutOfSync SyncStatusCode = "OutOfSync"
)

// SyncStatus is the outcome of a comparison.
type SyncStatus struct {
	// Status is the outcome.
	Status SyncStatusCode `json:"status"`
	// ComparedTo is what was compared.
	ComparedTo ComparedTo `json:"comparedTo,omitempty,omitzero"`
	// Revision that was compared.
	Revision string `json:"revision,omitempty"`
	// Revisions that were compared, one for each source.
	Revisions []string `json:"revisions,omitempty"`
}

// ComparedTo is the part of the spec that a comparison used.
type ComparedTo struct {
	// Source that was compared.
	Source ApplicationSource `json:"source,omitempty,omitzero"`
	// Destination that was compared.
	Destination ApplicationDestination `json:"destination"`
	// Sources that were compared.
	Sources ApplicationSources `json:"sources,omitempty"`
	// IgnoreDifferences that were in effect.
	IgnoreDifferences IgnoreDifferences `json:"ignoreDifferences,omitempty"`
}

// HealthStatusCode is how well something is.
type HealthStatusCode string

// The values of a health status.
const (
	HealthStatusUnknown     HealthStatusCode = "Unknown"
	HealthStatusProgressing HealthStatusCode = "Progressing"
	HealthStatusHealthy     HealthStatusCode = "Healthy"
	HealthStatusSuspended   HealthStatusCode = "Suspended"
	HealthStatusDegraded    HealthStatusCode = "Degraded"
	HealthStatusMissing     HealthStatusCode = "Missing"
)

// HealthStatus is how well an application or an object is, and why.
type HealthStatus struct {
	// Status is the code.
	Status HealthStatusCode `json:"status,omitempty"`
	// Message says why.
	Message string `json:"message,omitempty"`
	// LastTransitionTime is when the code last changed; only applications and
	// application sets have it.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// ResourceStatus is the state of one object.
type ResourceStatus struct {
	// Group of the object.
	Group string `json:"group,omitempty"`
	// Version of the object.
	Version string `json:"version,omitempty"`
	// Kind of the object.
	Kind string `json:"kind,omitempty"`
	// Namespace of the object.
	Namespace string `json:"namespace,omitempty"`
	// Name of the object.
	Name string `json:"name,omitempty"`
	// Status is the outcome of its comparison.
	Status SyncStatusCode `json:"status,omitempty"`
	// Health of the object; nil where its kind has none.
	Health *HealthStatus `json:"health,omitempty"`
	// Hook says that it is a hook.
	Hook bool `json:"hook,omitempty"`
	// RequiresPruning says that it is in the cluster only.
	RequiresPruning bool `json:"requiresPruning,omitempty"`
	// SyncWave of the object.
	SyncWave int64 `json:"syncWave,omitempty"`
	// RequiresDeletionConfirmation says that a person must approve its deletion.
	RequiresDeletionConfirmation bool `json:"requiresDeletionConfirmation,omitempty"`
}

// RevisionHistories is a list of past syncs, oldest first.
type RevisionHistories []RevisionHistory

// RevisionHistory is a past sync, to which one can roll back.
type RevisionHistory struct {
	// Revision that was synced.
	Revision string `json:"revision,omitempty"`
	// DeployedAt is when the sync ended.
	DeployedAt metav1.Time `json:"deployedAt"`
	// ID counts up from 0.
	ID int64 `json:"id"`
	// Source that was synced.
	Source ApplicationSource `json:"source,omitempty,omitzero"`
	// DeployStartedAt is when the sync began.
	DeployStartedAt *metav1.Time `json:"deployStartedAt,omitempty"`
	// Sources that were synced.
	Sources ApplicationSources `json:"sources,omitempty"`
	// Revisions that were synced, one for each source.
	Revisions []string `json:"revisions,omitempty"`
	// InitiatedBy says who asked.
	InitiatedBy OperationInitiator `json:"initiatedBy,omitempty,omitzero"`
}

// ApplicationConditionType is the kind of a condition. Those that end in Error
// are errors, the others warnings.
type ApplicationConditionType = string

// The types of conditions.
const (
	ApplicationConditionDeletionError           = "DeletionError"
	ApplicationConditionInvalidSpecError        = "InvalidSpecError"
	ApplicationConditionComparisonError         = "ComparisonError"
	ApplicationConditionSyncError               = "SyncError"
	ApplicationConditionUnknownError            = "UnknownError"
	ApplicationConditionSharedResourceWarning   = "SharedResourceWarning"
	ApplicationConditionRepeatedResourceWarning = "RepeatedResourceWarning"
	ApplicationConditionExcludedResourceWarning = "ExcludedResourceWarning"
	ApplicationConditionOrphanedResourceWarning = "OrphanedResourceWarning"
)

// ApplicationCondition is an error or a warning. Several of one type may stand
// beside each other.
type ApplicationCondition struct {
	// Type of the condition.
	Type ApplicationConditionType `json:"type"`
	// Message for people.
	Message string `json:"message"`
	// LastTransitionTime is when the message last changed.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// ApplicationSummary is what people look for first.
type ApplicationSummary struct {
	// ExternalURLs at which the application answers.
	ExternalURLs []string `json:"externalURLs,omitempty"`
	// Images that it runs.
	Images []string `json:"images,omitempty"`
	// IsAppOfApps says that it manages other applications.
	IsAppOfApps bool `json:"isAppOfApps,omitempty"`
}

// HydrateOperationPhase is how far a hydration has come.
//
// +kubebuilder:validation:Enum=Hydrating;Failed;Hydrated
type HydrateOperationPhase string

// The phases of a hydration.
const (
	HydrateOperationPhaseHydrating HydrateOperationPhase = "Hydrating"
	HydrateOperationPhaseFailed    HydrateOperationPhase = "Failed"
	HydrateOperationPhaseHydrated  HydrateOperationPhase = "Hydrated"
)

// SourceHydratorStatus is the progress of hydration.
type SourceHydratorStatus struct {
	// LastSuccessfulOperation is the last that ended well.
	LastSuccessfulOperation *SuccessfulHydrateOperation `json:"lastSuccessfulOperation,omitempty"`
	// CurrentOperation is the one that runs or ran last.
	CurrentOperation *HydrateOperation `json:"currentOperation,omitempty"`
	// LastComparedDryRevision is the dry revision looked at last, whether it was
	// hydrated or had changed nothing.
	LastComparedDryRevision string `json:"lastComparedDryRevision,omitempty"`
}

// HydrateOperation is a hydration.
type HydrateOperation struct {
	// StartedAt is when it began.
	StartedAt metav1.Time `json:"startedAt,omitempty,omitzero"`
	// FinishedAt is when it ended.
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// Phase is how far it has come.
	Phase HydrateOperationPhase `json:"phase"`
	// Message for people.
	Message string `json:"message"`
	// DrySHA is the commit that is rendered.
	DrySHA string `json:"drySHA,omitempty"`
	// HydratedSHA is the commit that was made.
	HydratedSHA string `json:"hydratedSHA,omitempty"`
	// SourceHydrator is the part of the spec in use.
	SourceHydrator SourceHydrator `json:"sourceHydrator,omitempty,omitzero"`
}

// SuccessfulHydrateOperation is a hydration that ended well.
type SuccessfulHydrateOperation struct {
	// DrySHA is the commit that was rendered.
	DrySHA string `json:"drySHA,omitempty"`
	// HydratedSHA is the commit that was made.
	HydratedSHA string `json:"hydratedSHA,omitempty"`
	// SourceHydrator is the part of the spec that was in use.
	SourceHydrator SourceHydrator `json:"sourceHydrator,omitempty,omitzero"`
}
