package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Lock keeps an application or an environment for one pull request. It is
// taken by creating it: LockName gives the same name to everyone who wants the
// same thing, so that the API server lets one in.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=locks,shortName=sllock
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Application",type=string,JSONPath=`.spec.application.name`
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.spec.environment`
// +kubebuilder:printcolumn:name="Pull Request",type=string,JSONPath=`.spec.owner.url`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`,priority=1
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.spec.revision`,priority=1
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Lock struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says what is locked, for whom and until when.
	Spec LockSpec `json:"spec"`
	// Status is what was seen.
	Status LockStatus `json:"status,omitempty,omitzero"`
}

// LockList is what the API server answers to a list of locks.
//
// +kubebuilder:object:root=true
type LockList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Lock `json:"items"`
}

// LockSpec says what is locked, for whom and until when.
//
// +kubebuilder:validation:XValidation:rule="has(self.application) != has(self.environment)",message="a lock is on an application or on an environment"
type LockSpec struct {
	// Application that is locked.
	Application *ApplicationRef `json:"application,omitempty"`
	// Environment that is locked.
	Environment string `json:"environment,omitempty"`
	// Owner is the pull request that holds the lock.
	Owner LockOwner `json:"owner"`
	// User who asked for it.
	User string `json:"user,omitempty"`
	// Reason that the user gave.
	Reason string `json:"reason,omitempty"`
	// Revision that stays deployed meanwhile; empty leaves it to the spec.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	Revision string `json:"revision,omitempty"`
	// AcquiredAt is when it was taken, by our clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	AcquiredAt metav1.MicroTime `json:"acquiredAt"`
	// ExpiresAt is when it ends by itself; absent never.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// Turn says that the owner was handed the lock as the first of the queue and
	// has not used it yet. When it ends unused, the next one has it.
	Turn bool `json:"turn,omitempty"`
	// Queue of those who want it next, first come first.
	Queue []LockRequest `json:"queue,omitempty"`
}

// ApplicationRef names an Application.
type ApplicationRef struct {
	// Namespace of the Application.
	Namespace string `json:"namespace"`
	// Name of the Application.
	Name string `json:"name"`
}

// LockOwner is the pull request that holds a lock or wants it.
type LockOwner struct {
	// Forge is github or gitlab.
	Forge string `json:"forge"`
	// Host of the forge.
	Host string `json:"host"`
	// RepositoryID on the forge.
	RepositoryID int64 `json:"repositoryID"`
	// Number in the repository.
	Number int `json:"number"`
	// URL for people.
	URL string `json:"url,omitempty"`
}

// LockRequest is somebody in a lock's queue.
type LockRequest struct {
	// Owner is the pull request that wants the lock.
	Owner LockOwner `json:"owner"`
	// User who asked.
	User string `json:"user,omitempty"`
	// Reason that the user gave.
	Reason string `json:"reason,omitempty"`
	// Command that waits, as it was written.
	Command string `json:"command,omitempty"`
	// AskedAt is when, by our clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	AskedAt metav1.MicroTime `json:"askedAt"`
}

// LockStatus is what was seen.
type LockStatus struct {
	// Conditions in the usual form.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Same reports whether both are the same pull request. URLs are for people and
// do not count.
func (o LockOwner) Same(other LockOwner) bool {
	o.URL, other.URL = "", ""
	return o == other
}

// Expired reports whether the lock has ended by itself.
func (l *Lock) Expired(now time.Time) bool {
	return l.Spec.ExpiresAt != nil && !now.Before(l.Spec.ExpiresAt.Time)
}
