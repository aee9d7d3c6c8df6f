package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Operation is a request to sync.
type Operation struct {
	// Sync says what to sync and how.
	Sync *SyncOperation `json:"sync,omitempty"`
	// InitiatedBy says who asked.
	InitiatedBy OperationInitiator `json:"initiatedBy,omitempty,omitzero"`
	// Info are entries for people and for whoever asked; the id of the request
	// is one, so that it is never written twice.
	Info []Info `json:"info,omitempty"`
	// Retry says how a failure is tried again.
	Retry RetryStrategy `json:"retry,omitempty,omitzero"`
}

// OperationInitiator is who asked for an operation.
type OperationInitiator struct {
	// Username of the person.
	Username string `json:"username,omitempty"`
	// Automated says that the controller asked by itself.
	Automated bool `json:"automated,omitempty"`
}

// SyncOperation is what to sync and how.
type SyncOperation struct {
	// Revision to sync to; the spec's if empty.
	Revision string `json:"revision,omitempty"`
	// Prune deletes objects that are no longer in the sources.
	Prune bool `json:"prune,omitempty"`
	// DryRun changes nothing.
	DryRun bool `json:"dryRun,omitempty"`
	// SyncStrategy is apply or hook; absent means hook.
	SyncStrategy *SyncStrategy `json:"syncStrategy,omitempty"`
	// Resources limits the sync to these; no hooks run then.
	Resources []SyncOperationResource `json:"resources,omitempty"`
	// Source, for this sync, replaces the spec's.
	Source *ApplicationSource `json:"source,omitempty"`
	// Manifests, for this sync, replace what the sources would render.
	Manifests []string `json:"manifests,omitempty"`
	// SyncOptions of this sync, in place of the policy's.
	SyncOptions SyncOptions `json:"syncOptions,omitempty"`
	// Sources, for this sync, replace the spec's.
	Sources ApplicationSources `json:"sources,omitempty"`
	// Revisions to sync to, one for each source; the spec's if empty.
	Revisions []string `json:"revisions,omitempty"`
	// SelfHealAttemptsCount counts attempts at healing the same drift.
	SelfHealAttemptsCount int64 `json:"autoHealAttemptsCount,omitempty"`
}

// SyncStrategy is how objects are applied.
type SyncStrategy struct {
	// Apply applies objects and runs no hooks.
	Apply *SyncStrategyApply `json:"apply,omitempty"`
	// Hook applies objects and runs hooks.
	Hook *SyncStrategyHook `json:"hook,omitempty"`
}

// SyncStrategyApply applies without hooks.
type SyncStrategyApply struct {
	// Force deletes and creates what cannot be changed in place.
	Force bool `json:"force,omitempty"`
}

// SyncStrategyHook applies with hooks.
type SyncStrategyHook struct {
	// Force deletes and creates what cannot be changed in place.
	Force bool `json:"force,omitempty"`
}

// SyncOperationResource is an object that a sync is limited to.
type SyncOperationResource struct {
	// Group of the object.
	Group string `json:"group,omitempty"`
	// Kind of the object.
	Kind string `json:"kind"`
	// Name of the object.
	Name string `json:"name"`
	// Namespace of the object.
	Namespace string `json:"namespace,omitempty"`
}

// OperationPhase is how far an operation, or one of its hooks, has come.
type OperationPhase string

// The phases of an operation.
const (
	OperationRunning     OperationPhase = "Running"
	OperationTerminating OperationPhase = "Terminating"
	OperationFailed      OperationPhase = "Failed"
	OperationError       OperationPhase = "Error"
	OperationSucceeded   OperationPhase = "Succeeded"
)

// Completed reports whether nothing more will happen.
func (p OperationPhase) Completed() bool {
	return p == OperationFailed || p == OperationError || p == OperationSucceeded
}

// Running reports whether the operation still runs, be it towards its end.
func (p OperationPhase) Running() bool {
	return p == OperationRunning || p == OperationTerminating
}

// Successful reports whether the operation ended well.
func (p OperationPhase) Successful() bool {
	return p == OperationSucceeded
}

// OperationState is the progress of an operation.
type OperationState struct {
	// Operation is the request.
	Operation Operation `json:"operation"`
	// Phase is how far it has come.
	Phase OperationPhase `json:"phase"`
	// Message says more for people.
	Message string `json:"message,omitempty"`
	// SyncResult is what was done to each object.
	SyncResult *SyncOperationResult `json:"syncResult,omitempty"`
	// StartedAt is when the controller took the request up.
	StartedAt metav1.Time `json:"startedAt"`
	// FinishedAt is when it ended.
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// RetryCount is the number of attempts after the first.
	RetryCount int64 `json:"retryCount,omitempty"`
}

// SyncOperationResult is what a sync did.
type SyncOperationResult struct {
	// Resources lists objects and hooks in the order in which they were done.
	Resources ResourceResults `json:"resources,omitempty"`
	// Revision that was synced.
	Revision string `json:"revision"`
	// Source that was synced.
	Source ApplicationSource `json:"source,omitempty,omitzero"`
	// Sources that were synced.
	Sources ApplicationSources `json:"sources,omitempty"`
	// Revisions that were synced, one for each source.
	Revisions []string `json:"revisions,omitempty"`
	// ManagedNamespaceMetadata that was put on the namespace.
	ManagedNamespaceMetadata *ManagedNamespaceMetadata `json:"managedNamespaceMetadata,omitempty"`
}

// ResourceResults is a list of results.
type ResourceResults []ResourceResult

// ResultCode is what became of an object.
type ResultCode string

// What can become of an object.
const (
	ResultCodeSynced       ResultCode = "Synced"
	ResultCodeSyncFailed   ResultCode = "SyncFailed"
	ResultCodePruned       ResultCode = "Pruned"
	ResultCodePruneSkipped ResultCode = "PruneSkipped"
)

// HookType says when a hook runs.
type HookType string

// The types of hooks.
const (
	HookTypePreSync    HookType = "PreSync"
	HookTypeSync       HookType = "Sync"
	HookTypePostSync   HookType = "PostSync"
	HookTypeSkip       HookType = "Skip"
	HookTypeSyncFail   HookType = "SyncFail"
	HookTypePreDelete  HookType = "PreDelete"
	HookTypePostDelete HookType = "PostDelete"
)

// SyncPhase is a part of a sync.
type SyncPhase string

// The phases of a sync, in their order; SyncFail only after a failure.
const (
	SyncPhasePreSync  SyncPhase = "PreSync"
	SyncPhaseSync     SyncPhase = "Sync"
	SyncPhasePostSync SyncPhase = "PostSync"
	SyncPhaseSyncFail SyncPhase = "SyncFail"
)

// ResourceResult is what a sync did to one object or hook.
type ResourceResult struct {
	// Group of the object.
	Group string `json:"group"`
	// Version of the object.
	Version string `json:"version"`
	// Kind of the object.
	Kind string `json:"kind"`
	// Namespace of the object.
	Namespace string `json:"namespace"`
	// Name of the object.
	Name string `json:"name"`
	// Status is what became of it; empty while it is not done.
	Status ResultCode `json:"status,omitempty"`
	// Message is the API server's answer, or the reason.
	Message string `json:"message,omitempty"`
	// HookType is set for hooks.
	HookType HookType `json:"hookType,omitempty"`
	// HookPhase is how far a hook has come; for other objects, of their apply.
	HookPhase OperationPhase `json:"hookPhase,omitempty"`
	// SyncPhase in which it was done.
	SyncPhase SyncPhase `json:"syncPhase,omitempty"`
	// Images that the object runs.
	Images []string `json:"images,omitempty"`
}
