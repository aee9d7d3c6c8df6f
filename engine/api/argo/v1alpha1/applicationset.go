package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ApplicationSet makes applications from a template and generated parameters.
// Unlike Application it has a status subresource.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=applicationsets,shortName=appset;appsets
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Health Status",type=string,JSONPath=`.status.health.status`
// +kubebuilder:printcolumn:name="Applications",type=integer,JSONPath=`.status.resourcesCount`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ApplicationSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Spec is the template and what fills it.
	Spec ApplicationSetSpec `json:"spec"`
	// Status is what became of it.
	Status ApplicationSetStatus `json:"status,omitempty,omitzero"`
}

// ApplicationSetList is what the API server answers to a list of application
// sets.
//
// +kubebuilder:object:root=true
type ApplicationSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ApplicationSet `json:"items"`
}

// ApplicationSetSpec is a template and what fills it.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetSpec struct {
	// GoTemplate uses Go templates with Sprig's functions; else {{name}} is
	// replaced.
	GoTemplate bool `json:"goTemplate,omitempty"`
	// Generators make parameters, one application for each set of them.
	Generators []ApplicationSetGenerator `json:"generators"`
	// Template of an application.
	Template ApplicationSetTemplate `json:"template"`
	// SyncPolicy says what may be done to generated applications.
	SyncPolicy *ApplicationSetSyncPolicy `json:"syncPolicy,omitempty"`
	// Strategy says in which order applications are updated and deleted.
	Strategy *ApplicationSetStrategy `json:"strategy,omitempty"`
	// PreservedFields are left as they are on generated applications.
	PreservedFields *ApplicationPreservedFields `json:"preservedFields,omitempty"`
	// GoTemplateOptions such as missingkey=error.
	GoTemplateOptions []string `json:"goTemplateOptions,omitempty"`
	// ApplyNestedSelectors is ignored: nested selectors are always applied.
	ApplyNestedSelectors bool `json:"applyNestedSelectors,omitempty"`
	// IgnoreApplicationDifferences are fields of generated applications that
	// others may change.
	IgnoreApplicationDifferences ApplicationSetIgnoreDifferences `json:"ignoreApplicationDifferences,omitempty"`
	// TemplatePatch is a Go template of a strategic merge patch for each
	// application.
	TemplatePatch *string `json:"templatePatch,omitempty"`
}

// ApplicationPreservedFields are left as they are on generated applications.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationPreservedFields struct {
	// Annotations by name.
	Annotations []string `json:"annotations,omitempty"`
	// Labels by name.
	Labels []string `json:"labels,omitempty"`
}

// The strategies by which generated applications are updated and deleted.
const (
	StrategyAllAtOnce      = "AllAtOnce"
	StrategyRollingSync    = "RollingSync"
	DeletionOrderAllAtOnce = "AllAtOnce"
	DeletionOrderReverse   = "Reverse"
	MatchExpressionIn      = "In"
	MatchExpressionNotIn   = "NotIn"
)

// ApplicationSetStrategy is the order in which applications are updated and
// deleted.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetStrategy struct {
	// Type is AllAtOnce or RollingSync.
	Type string `json:"type,omitempty"`
	// RollingSync holds the steps.
	RollingSync *ApplicationSetRolloutStrategy `json:"rollingSync,omitempty"`
	// DeletionOrder is AllAtOnce or Reverse.
	DeletionOrder string `json:"deletionOrder,omitempty"`
}

// ApplicationSetRolloutStrategy is a list of steps.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetRolloutStrategy struct {
	// Steps, each waiting for the one before.
	Steps []ApplicationSetRolloutStep `json:"steps,omitempty"`
}

// ApplicationSetRolloutStep is a group of applications.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetRolloutStep struct {
	// MatchExpressions select applications by label; all must match.
	MatchExpressions []ApplicationMatchExpression `json:"matchExpressions,omitempty"`
	// MaxUpdate is how many, or what share, may be updated at a time.
	MaxUpdate *intstr.IntOrString `json:"maxUpdate,omitempty"`
}

// ApplicationMatchExpression matches a label.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationMatchExpression struct {
	// Key of the label.
	Key string `json:"key,omitempty"`
	// Operator is In or NotIn.
	Operator string `json:"operator,omitempty"`
	// Values of the label.
	Values []string `json:"values,omitempty"`
}

// ApplicationsSyncPolicy says what may be done to generated applications.
type ApplicationsSyncPolicy string

// What may be done to generated applications.
const (
	ApplicationsSyncPolicyCreateOnly   ApplicationsSyncPolicy = "create-only"
	ApplicationsSyncPolicyCreateUpdate ApplicationsSyncPolicy = "create-update"
	ApplicationsSyncPolicyCreateDelete ApplicationsSyncPolicy = "create-delete"
	ApplicationsSyncPolicySync         ApplicationsSyncPolicy = "sync"
)

// AllowUpdate reports whether existing applications may be changed.
func (p ApplicationsSyncPolicy) AllowUpdate() bool {
	return p == "" || p == ApplicationsSyncPolicySync || p == ApplicationsSyncPolicyCreateUpdate
}

// AllowDelete reports whether applications that are no longer generated may be
// deleted.
func (p ApplicationsSyncPolicy) AllowDelete() bool {
	return p == "" || p == ApplicationsSyncPolicySync || p == ApplicationsSyncPolicyCreateDelete
}

// ApplicationSetSyncPolicy says what may be done to generated applications.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetSyncPolicy struct {
	// PreserveResourcesOnDeletion keeps what applications deployed when they are
	// deleted.
	PreserveResourcesOnDeletion bool `json:"preserveResourcesOnDeletion,omitempty"`
	// ApplicationsSync is create-only, create-update, create-delete or sync.
	// +optional
	// +kubebuilder:validation:Enum=create-only;create-update;create-delete;sync
	ApplicationsSync *ApplicationsSyncPolicy `json:"applicationsSync,omitempty"`
}

// ApplicationSetIgnoreDifferences is a list of exceptions.
type ApplicationSetIgnoreDifferences []ApplicationSetResourceIgnoreDifferences

// ApplicationSetResourceIgnoreDifferences are fields of generated applications
// that others may change.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetResourceIgnoreDifferences struct {
	// Name of the application; empty means all.
	Name string `json:"name,omitempty"`
	// JSONPointers are fields as RFC 6901 writes them.
	JSONPointers []string `json:"jsonPointers,omitempty"`
	// JQPathExpressions are fields as jq writes them.
	JQPathExpressions []string `json:"jqPathExpressions,omitempty"`
}

// ApplicationSetTemplate is the template of an application. One inside a
// generator overrides the set's own, field by field.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetTemplate struct {
	// Metadata of the application.
	ApplicationSetTemplateMeta `json:"metadata"`
	// Spec of the application.
	Spec ApplicationSpec `json:"spec"`
}

// ApplicationSetTemplateMeta is the metadata of a generated application.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetTemplateMeta struct {
	// Name of the application.
	Name string `json:"name,omitempty"`
	// Namespace of the application; it can only be the set's own.
	Namespace string `json:"namespace,omitempty"`
	// Labels of the application.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the application.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Finalizers of the application.
	Finalizers []string `json:"finalizers,omitempty"`
}

// ApplicationSetStatus is what became of a set.
type ApplicationSetStatus struct {
	// Conditions of the set.
	Conditions []ApplicationSetCondition `json:"conditions,omitempty"`
	// ApplicationStatus is the progress of a rolling sync.
	ApplicationStatus []ApplicationSetApplicationStatus `json:"applicationStatus,omitempty"`
	// Resources lists the generated applications; a long list is cut.
	Resources []ResourceStatus `json:"resources,omitempty"`
	// ResourcesCount is how many applications there are.
	ResourcesCount int64 `json:"resourcesCount,omitempty"`
	// Health follows from the conditions.
	Health HealthStatus `json:"health,omitempty,omitzero"`
}

// ApplicationSetConditionStatus is True, False or Unknown.
type ApplicationSetConditionStatus string

// The values of a condition.
const (
	ApplicationSetConditionStatusTrue    ApplicationSetConditionStatus = "True"
	ApplicationSetConditionStatusFalse   ApplicationSetConditionStatus = "False"
	ApplicationSetConditionStatusUnknown ApplicationSetConditionStatus = "Unknown"
)

// ApplicationSetConditionType is the kind of a condition.
type ApplicationSetConditionType string

// The types of conditions.
const (
	ApplicationSetConditionErrorOccurred        ApplicationSetConditionType = "ErrorOccurred"
	ApplicationSetConditionParametersGenerated  ApplicationSetConditionType = "ParametersGenerated"
	ApplicationSetConditionResourcesUpToDate    ApplicationSetConditionType = "ResourcesUpToDate"
	ApplicationSetConditionRolloutProgressing   ApplicationSetConditionType = "RolloutProgressing"
	ApplicationSetConditionInvalidRolloutConfig ApplicationSetConditionType = "InvalidRolloutConfig"
)

// The reasons of conditions.
const (
	ApplicationSetReasonErrorOccurred                    = "ErrorOccurred"
	ApplicationSetReasonApplicationSetUpToDate           = "ApplicationSetUpToDate"
	ApplicationSetReasonParametersGenerated              = "ParametersGenerated"
	ApplicationSetReasonUpdateApplicationError           = "UpdateApplicationError"
	ApplicationSetReasonApplicationParamsGenerationError = "ApplicationGenerationFromParamsError"
	ApplicationSetReasonRenderTemplateParamsError        = "RenderTemplateParamsError"
	ApplicationSetReasonCreateApplicationError           = "CreateApplicationError"
	ApplicationSetReasonDeleteApplicationError           = "DeleteApplicationError"
	ApplicationSetReasonRefreshApplicationError          = "RefreshApplicationError"
	ApplicationSetReasonApplicationValidationError       = "ApplicationValidationError"
	ApplicationSetReasonApplicationSetModified           = "ApplicationSetModified"
	ApplicationSetReasonApplicationSetRolloutComplete    = "ApplicationSetRolloutComplete"
	ApplicationSetReasonApplicationSetRolloutError       = "ApplicationSetRolloutError"
	ApplicationSetReasonInvalidRolloutConfig             = "ApplicationSetInvalidRolloutConfig"
	ApplicationSetReasonValidRolloutConfig               = "ApplicationSetValidRolloutConfig"
)

// ApplicationSetCondition is an aspect of a set's state.
type ApplicationSetCondition struct {
	// Type of the condition.
	Type ApplicationSetConditionType `json:"type"`
	// Message for people.
	Message string `json:"message"`
	// LastTransitionTime is when the status last changed.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
	// Status is True, False or Unknown.
	Status ApplicationSetConditionStatus `json:"status"`
	// Reason in one word.
	Reason string `json:"reason"`
}

// ProgressiveSyncStatusCode is how far an application has come in a rolling
// sync.
type ProgressiveSyncStatusCode string

// How far an application can have come in a rolling sync.
const (
	ProgressiveSyncWaiting     ProgressiveSyncStatusCode = "Waiting"
	ProgressiveSyncPending     ProgressiveSyncStatusCode = "Pending"
	ProgressiveSyncProgressing ProgressiveSyncStatusCode = "Progressing"
	ProgressiveSyncHealthy     ProgressiveSyncStatusCode = "Healthy"
)

// ApplicationSetApplicationStatus is how far an application has come in a
// rolling sync.
type ApplicationSetApplicationStatus struct {
	// Application by name.
	Application string `json:"application"`
	// LastTransitionTime is when the status last changed.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
	// Message for people.
	Message string `json:"message"`
	// Status is how far it has come.
	Status ProgressiveSyncStatusCode `json:"status"`
	// Step to which it belongs, counted from 1; -1 for none.
	Step string `json:"step"`
	// TargetRevisions that it shall have.
	TargetRevisions []string `json:"targetRevisions"`
}
