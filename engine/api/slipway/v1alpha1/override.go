package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxOverrides is how many overrides a status keeps.
const MaxOverrides = 20

// MaxClicks is how many clicks a spec keeps.
const MaxClicks = 10

// Override is somebody's word that a guard is to pass for a head. It was
// judged when it was given: whoever gave it was named by the base branch's
// policy then.
type Override struct {
	// Guard is the name of the guard that passes.
	Guard string `json:"guard"`
	// Environments in which it passes; all when absent.
	Environments []string `json:"environments,omitempty"`
	// Head is the commit that it is for. It says nothing about any other.
	Head string `json:"head"`
	// By is the login of who gave it.
	By string `json:"by"`
	// ByID is the forge's id of the account.
	ByID int64 `json:"byID,omitempty"`
	// Reason that was given.
	Reason string `json:"reason"`
	// At is when, by the forge's clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	At metav1.MicroTime `json:"at"`
	// CommentID is the forge's id of the comment that it was given in.
	CommentID int64 `json:"commentID,omitempty"`
}

// AddOverride records an override in place of one of the same guard, head and
// author, and keeps MaxOverrides.
func (s *PullRequestStatus) AddOverride(o Override) {
	s.Overrides = slices.DeleteFunc(s.Overrides, func(have Override) bool {
		return have.Guard == o.Guard && have.Head == o.Head && have.By == o.By
	})
	s.Overrides = append(s.Overrides, o)
	if over := len(s.Overrides) - MaxOverrides; over > 0 {
		s.Overrides = slices.Clone(s.Overrides[over:])
	}
}

// Overridden is the newest override that lets a guard pass for a head in an
// environment, or nil. An empty environment asks about one for all of them.
func (s *PullRequestStatus) Overridden(guard, environment, head string) *Override {
	for i := len(s.Overrides) - 1; i >= 0; i-- {
		o := &s.Overrides[i]
		everywhere := len(o.Environments) == 0
		if o.Guard == guard && o.Head == head && (everywhere || environment != "" && slices.Contains(o.Environments, environment)) {
			return o
		}
	}
	return nil
}

// PreviewRequest is the newest word about a pull request's own environment.
// Whoever builds previews reads it; nothing else here acts on it.
type PreviewRequest struct {
	// Wanted says whether there is to be one.
	Wanted bool `json:"wanted"`
	// Until is when it ends by itself; absent leaves that to the settings.
	Until *metav1.Time `json:"until,omitempty"`
	// Extends says that only its end is meant: whether there is one is still the
	// label's to say.
	Extends bool `json:"extends,omitempty"`
	// By is the login of who asked last.
	By string `json:"by"`
	// Head is the commit whose report that account had seen.
	Head string `json:"head,omitempty"`
	// At is when, by the forge's clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	At metav1.MicroTime `json:"at"`
}

// Click is a button of the check that somebody pressed.
type Click struct {
	// Delivery is the forge's id of the delivery, the same when it is sent
	// again.
	Delivery string `json:"delivery"`
	// Button is the identifier of the button.
	Button string `json:"button"`
	// Head is the commit of the check.
	Head string `json:"head"`
	// User is the login of who pressed it.
	User string `json:"user"`
	// UserID is the forge's id of the account.
	UserID int64 `json:"userID"`
	// At is when it arrived, by our clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	At metav1.MicroTime `json:"at"`
}
