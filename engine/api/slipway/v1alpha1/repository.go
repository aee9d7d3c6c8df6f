package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Repository is a repository that the bot looks after. Deliveries that name no
// pull request (pushes, check runs of forks, installations) meet here; its
// reconciler lists the open pull requests and asks for a look at each.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=repositories,shortName=slrepo
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Host",type=string,JSONPath=`.spec.host`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.repository.owner`
// +kubebuilder:printcolumn:name="Repository",type=string,JSONPath=`.spec.repository.name`
// +kubebuilder:printcolumn:name="Open",type=integer,JSONPath=`.status.openPullRequests`
// +kubebuilder:printcolumn:name="Error",type=string,JSONPath=`.status.lastError`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Repository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says which repository it is and when somebody last asked for a look
	// at it. The intake writes it.
	Spec RepositorySpec `json:"spec"`
	// Status is what was seen. The reconciler writes it.
	Status RepositoryStatus `json:"status,omitempty,omitzero"`
}

// RepositoryList is what the API server answers to a list of repositories.
//
// +kubebuilder:object:root=true
type RepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Repository `json:"items"`
}

// RepositorySpec says which repository it is.
type RepositorySpec struct {
	// Forge is github or gitlab.
	// +kubebuilder:validation:Enum=github;gitlab
	Forge string `json:"forge"`
	// Host of the forge, such as github.com.
	// +kubebuilder:validation:MinLength=1
	Host string `json:"host"`
	// Installation of the App through which it is reached; 0 where the forge
	// has none.
	Installation int64 `json:"installation,omitempty"`
	// Repository on the forge.
	Repository RepositoryRef `json:"repository"`
	// Asked is the newest request to look at it.
	Asked Asked `json:"asked,omitempty,omitzero"`
}

// RepositoryStatus is what was seen.
type RepositoryStatus struct {
	// ObservedAsked is the spec.asked.at that was handled last.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	ObservedAsked metav1.MicroTime `json:"observedAsked,omitempty,omitzero"`
	// OpenPullRequests is how many there were.
	OpenPullRequests int `json:"openPullRequests,omitempty"`
	// MergeGroups are the branches of its merge queue.
	// +listType=map
	// +listMapKey=ref
	MergeGroups []MergeGroup `json:"mergeGroups,omitempty"`
	// Conditions in the usual form.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// LastError is our own last failure, without secrets; empty when the last
	// look went well.
	LastError string `json:"lastError,omitempty"`
}

// MergeGroup is a branch on which a forge's merge queue tries a merge before it makes it.
type MergeGroup struct {
	// Ref is the full name of the branch.
	Ref string `json:"ref"`
	// SHA is its commit, on which the check is.
	SHA string `json:"sha"`
	// CheckRunID is the forge's id of the check.
	CheckRunID string `json:"checkRunID,omitempty"`
	// CheckState is pending, success, failure or neutral.
	CheckState string `json:"checkState,omitempty"`
}
