package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PullRequest is a pull request (on GitLab, a merge request) that the bot looks
// after. PullRequestName names it, so that all deliveries for one pull request
// meet in one object.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=pullrequests,shortName=slpr
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.repository.owner`,priority=1
// +kubebuilder:printcolumn:name="Repository",type=string,JSONPath=`.spec.repository.name`
// +kubebuilder:printcolumn:name="Number",type=integer,JSONPath=`.spec.number`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Head",type=string,JSONPath=`.status.headSHA`
// +kubebuilder:printcolumn:name="Trusted",type=boolean,JSONPath=`.status.trusted`
// +kubebuilder:printcolumn:name="Check",type=string,JSONPath=`.status.checkState`
// +kubebuilder:printcolumn:name="Author",type=string,JSONPath=`.status.author`,priority=1
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.status.title`,priority=1
// +kubebuilder:printcolumn:name="Error",type=string,JSONPath=`.status.lastError`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type PullRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says which pull request it is and when somebody last asked for a
	// look at it. The intake writes it.
	Spec PullRequestSpec `json:"spec"`
	// Status is what was seen and done. The reconciler writes it.
	Status PullRequestStatus `json:"status,omitempty,omitzero"`
}

// PullRequestList is what the API server answers to a list of pull requests.
//
// +kubebuilder:object:root=true
type PullRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PullRequest `json:"items"`
}

// The forges.
const (
	ForgeGitHub = "github"
	ForgeGitLab = "gitlab"
)

// PullRequestSpec says which pull request it is.
type PullRequestSpec struct {
	// Forge is github or gitlab.
	// +kubebuilder:validation:Enum=github;gitlab
	Forge string `json:"forge"`
	// Host of the forge, such as github.com.
	// +kubebuilder:validation:MinLength=1
	Host string `json:"host"`
	// Installation of the App through which it is reached; 0 where the forge
	// has none.
	Installation int64 `json:"installation,omitempty"`
	// Repository that it would be merged into.
	Repository RepositoryRef `json:"repository"`
	// Number in the repository.
	// +kubebuilder:validation:Minimum=1
	Number int `json:"number"`
	// Asked is the newest request to look at it.
	Asked Asked `json:"asked,omitempty,omitzero"`
	// Clicks are the newest buttons of the check that people pressed, oldest
	// first, at most MaxClicks. Unlike a comment a click cannot be read from the
	// forge again, so that the intake keeps what was delivered.
	Clicks []Click `json:"clicks,omitempty"`
}

// RepositoryRef is a repository on a forge. The id is its identity; names
// change.
type RepositoryRef struct {
	// ID on the forge.
	// +kubebuilder:validation:Minimum=1
	ID int64 `json:"id"`
	// Owner is the user, organisation or group path.
	Owner string `json:"owner"`
	// Name in the owner.
	Name string `json:"name"`
	// CloneURL for HTTPS, without credentials.
	CloneURL string `json:"cloneURL,omitempty"`
}

// FullName is owner/name, as people write it.
func (r RepositoryRef) FullName() string {
	return r.Owner + "/" + r.Name
}

// Asked is a request to look at a pull request or repository. What it says is
// a hint: whoever handles it reads the forge again.
type Asked struct {
	// At is when it arrived, by our clock. A new value makes the reconciler
	// look again. Like all times with microseconds it has exactly six digits
	// for them: clients refuse to read any other form, in lists of everyone's.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	At metav1.MicroTime `json:"at"`
	// Delivery is the forge's id of the delivery; empty if the sweep asked.
	Delivery string `json:"delivery,omitempty"`
	// SHA of the commit that it is about, where it is about one alone.
	SHA string `json:"sha,omitempty"`
	// Reason in a word or two, such as the event's name; several, parted by
	// commas, when more was asked for before anybody looked.
	Reason string `json:"reason,omitempty"`
}

// The states of a pull request.
const (
	StateOpen   = "open"
	StateClosed = "closed"
	StateMerged = "merged"
)

// The states of the check on a pull request's head.
const (
	CheckPending = "pending"
	CheckSuccess = "success"
	CheckFailure = "failure"
	CheckNeutral = "neutral"
)

// StatusError is the state of a commit status that says nothing about a head
// any more; the others are those of a check, CheckNeutral aside.
const StatusError = "error"

// PullRequestStatus is what was seen and done.
type PullRequestStatus struct {
	// ObservedAsked is the spec.asked.at that was handled last.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	ObservedAsked metav1.MicroTime `json:"observedAsked,omitempty,omitzero"`

	// Title as the author wrote it; it is not to be trusted.
	Title string `json:"title,omitempty"`
	// Author is the login of who opened it.
	Author string `json:"author,omitempty"`
	// State is open, closed or merged.
	State string `json:"state,omitempty"`
	// Draft says that it is not ready for review.
	Draft bool `json:"draft,omitempty"`
	// HeadSHA is the newest commit of the pull request.
	HeadSHA string `json:"headSHA,omitempty"`
	// BaseSHA is the commit that it was compared with.
	BaseSHA string `json:"baseSHA,omitempty"`
	// MergedSHA is the test merge while it is open, and the commit that the
	// merge made when it is merged.
	MergedSHA string `json:"mergedSHA,omitempty"`
	// BaseRef is the branch to merge into.
	BaseRef string `json:"baseRef,omitempty"`
	// BaseSince is when that was seen to be another branch than before, by our
	// clock; absent while it never was. What was reported, approved or overridden
	// before that was about another merge, by another branch's rules.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	BaseSince *metav1.MicroTime `json:"baseSince,omitempty"`
	// HeadRef is the branch to merge from.
	HeadRef string `json:"headRef,omitempty"`
	// Fork says that the head is in another repository.
	Fork bool `json:"fork,omitempty"`
	// Trusted says that this head may be rendered. Another head must be judged
	// again.
	Trusted bool `json:"trusted,omitempty"`
	// TrustedBy is the login whose permission or word made the head trusted.
	TrustedBy string `json:"trustedBy,omitempty"`
	// TrustedSHA is the head that was judged trusted.
	TrustedSHA string `json:"trustedSHA,omitempty"`

	// Report is the newest one.
	Report *Report `json:"report,omitempty"`
	// Reports are the ones before it, oldest first, at most MaxReports.
	Reports []Report `json:"reports,omitempty"`

	// CheckRunID is the forge's id of the check.
	CheckRunID string `json:"checkRunID,omitempty"`
	// CheckHead is the commit that the check is on.
	CheckHead string `json:"checkHead,omitempty"`
	// CheckState is pending, success, failure or neutral.
	CheckState string `json:"checkState,omitempty"`

	// Buttons that the check offers. What is not among them does nothing.
	Buttons []OfferedButton `json:"buttons,omitempty"`

	// Statuses are the commit statuses of environments as they were set last,
	// where the policy asks for them.
	Statuses []EnvironmentStatus `json:"statuses,omitempty"`

	// CommentsBefore is a time before which every comment is dealt with.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	CommentsBefore metav1.MicroTime `json:"commentsBefore,omitempty,omitzero"`
	// CommentMark is a comment id up to which every comment is dealt with.
	CommentMark int64 `json:"commentMark,omitempty"`
	// ClicksBefore is the time of the newest click that is dealt with.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	ClicksBefore metav1.MicroTime `json:"clicksBefore,omitempty,omitzero"`
	// Commands that are pending or running, and the last finished ones.
	Commands []Command `json:"commands,omitempty"`

	// Overrides of guards, oldest first, at most MaxOverrides. Those of another
	// head hold no more; see Overridden.
	Overrides []Override `json:"overrides,omitempty"`
	// Preview is the newest word about an environment of the pull request's
	// own; absent while nobody has asked.
	Preview *PreviewRequest `json:"preview,omitempty"`

	// Environment is the pull request's own environment as it is now; absent
	// where there was none.
	Environment *PreviewEnvironment `json:"environment,omitempty"`

	// Applications that are followed after the merge.
	Applications []FollowedApplication `json:"applications,omitempty"`

	// Conditions in the usual form.
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// LastError is our own last failure, without secrets; empty when the last
	// look went well.
	LastError string `json:"lastError,omitempty"`
}

// Report is what was posted, and the keys of what it showed.
type Report struct {
	// Base is the base's commit.
	Base string `json:"base"`
	// Head is the head's commit.
	Head string `json:"head"`
	// Merged is the commit of the merged tree.
	Merged string `json:"merged,omitempty"`
	// PostedAt is when it had been posted, by our clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	PostedAt metav1.MicroTime `json:"postedAt"`
	// CommentID is the forge's id of the comment.
	CommentID string `json:"commentID,omitempty"`
	// Digest of everything that it shows.
	Digest string `json:"digest,omitempty"`
	// Unverified says that destinations and registries are still to be asked
	// about what it shows.
	Unverified bool `json:"unverified,omitempty"`
	// Incomplete says that an ApplicationSet could not be generated, so that
	// there may be applications which it does not show.
	Incomplete bool `json:"incomplete,omitempty"`
	// Applications that it shows.
	Applications []ReportedApplication `json:"applications,omitempty"`
}

// ReportedApplication is an application as a report showed it.
type ReportedApplication struct {
	// Name of the Application.
	Name string `json:"name"`
	// Namespace of the Application.
	Namespace string `json:"namespace,omitempty"`
	// Environment that it belongs to, from base or cluster, never the head.
	Environment string `json:"environment,omitempty"`
	// Revision that was rendered.
	Revision string `json:"revision,omitempty"`
	// Revisions that were rendered, one for each of several sources.
	Revisions []string `json:"revisions,omitempty"`
	// Digest of its objects after the merge.
	Digest string `json:"digest,omitempty"`
	// Blocked are the guards that stand in its way, unless they are
	// overridden.
	Blocked []string `json:"blocked,omitempty"`
	// Broken says that it cannot be rendered.
	Broken bool `json:"broken,omitempty"`
	// Removed says that the merge removes it.
	Removed bool `json:"removed,omitempty"`
}

// OfferedButton is a button of the check that people may press.
type OfferedButton struct {
	// ID that the forge gives back when it is pressed. After a press it is
	// another one, so that a delivery which told of one cannot tell of two.
	ID string `json:"id"`
	// Command that pressing it gives.
	Command string `json:"command"`
	// Shown says that the check has the button with this id.
	Shown bool `json:"shown,omitempty"`
}

// EnvironmentStatus is the commit status of one environment.
type EnvironmentStatus struct {
	// Environment that it is about.
	Environment string `json:"environment"`
	// SHA of the commit that it was set on.
	SHA string `json:"sha"`
	// State is pending, success, failure or error.
	State string `json:"state"`
	// Description for people, in a line.
	Description string `json:"description,omitempty"`
}

// FollowedApplication is an application that is watched after the merge.
type FollowedApplication struct {
	// Name of the Application.
	Name string `json:"name"`
	// Namespace of the Application.
	Namespace string `json:"namespace,omitempty"`
	// Phase in a word, such as Syncing, Healthy, Degraded or Waiting.
	Phase string `json:"phase,omitempty"`
	// Message says why.
	Message string `json:"message,omitempty"`
}
