package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnnotationPullRequest is on every Application that an ApplicationSet makes of a
// pull request: HOST/OWNER/NAME#NUMBER, such as github.com/acme/shop#7.
const AnnotationPullRequest = "slipway.dev/pull-request"

// AnnotationPullRequestHead is beside it: the commit that the Application was made
// of.
const AnnotationPullRequestHead = "slipway.dev/pull-request-head"

// AnnotationPreviewProbe is a path that must answer with success before an
// environment counts as ready, on any of its Applications: "/healthz". Without it any
// answer that is not the server's own failure will do.
const AnnotationPreviewProbe = "slipway.dev/preview-probe"

// PreviewPhase says how far a pull request's own environment is.
type PreviewPhase string

const (
	// PreviewQueued waits for another of the repository to end.
	PreviewQueued PreviewPhase = "Queued"
	// PreviewWaiting waits for something else, such as an image.
	PreviewWaiting PreviewPhase = "Waiting"
	// PreviewDeploying is being made, or becoming healthy.
	PreviewDeploying PreviewPhase = "Deploying"
	// PreviewReady is healthy, and answers where it has an address.
	PreviewReady PreviewPhase = "Ready"
	// PreviewFailed is not well, and nothing says that it will be.
	PreviewFailed PreviewPhase = "Failed"
	// PreviewEnding is being taken down.
	PreviewEnding PreviewPhase = "Ending"
	// PreviewGone has left nothing behind.
	PreviewGone PreviewPhase = "Gone"
	// PreviewRefused was expected by somebody, and is not to be; its reason says why.
	PreviewRefused PreviewPhase = "Refused"
)

// PreviewEnvironment is the environment of one pull request: the applications that
// ApplicationSets make of it.
type PreviewEnvironment struct {
	Phase PreviewPhase `json:"phase"`
	// Reason in words; masked.
	Reason string `json:"reason,omitempty"`
	// SHA is the commit that its applications are made of; empty while there are
	// none to be. A push by somebody who is not trusted leaves it as it is.
	SHA string `json:"sha,omitempty"`
	// Target is the commit that it is to run as soon as nothing is waited for,
	// Image what is waited for.
	Target string `json:"target,omitempty"`
	Image  string `json:"image,omitempty"`
	// Waits says what Target waits for, while the environment runs another commit;
	// what holds its end up; or what stayed behind.
	Waits string `json:"waits,omitempty"`
	// Began is when SHA was given to the ApplicationSets, or when the end was
	// decided.
	Began *metav1.Time `json:"began,omitempty"`
	// Commanded says that a command, not a label, asked for it.
	Commanded bool `json:"commanded,omitempty"`
	// Since is when it was first wanted. It orders the queue.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	Since metav1.MicroTime `json:"since"`
	// Active is when it was last asked for or pushed to: from then on its time
	// is counted.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	Active metav1.MicroTime `json:"active"`
	// Place in the queue, from 1; 0 for one that need not wait.
	Place int `json:"place,omitempty"`
	// Expires is when it ends by itself; of one whose time was up, when that was.
	Expires *metav1.Time `json:"expires,omitempty"`
	// Applications of it, as namespace/name.
	Applications []string `json:"applications,omitempty"`
	// Namespaces that its applications deploy to, as CLUSTER/NAMESPACE.
	Namespaces []string `json:"namespaces,omitempty"`
	// URLs at which it answers.
	URLs []string `json:"urls,omitempty"`
	// DeploymentID is the forge's deployment of SHA; 0 before there is one.
	DeploymentID int64 `json:"deploymentID,omitempty"`
	// Deployed is the commit of DeploymentID, Told the state that the forge was
	// told of it, and Said a digest of what the comment says.
	Deployed string `json:"deployed,omitempty"`
	Told     string `json:"told,omitempty"`
	Said     string `json:"said,omitempty"`
}

// Up says whether the environment is there or on its way, so that it counts
// against the repository's limit.
func (p PreviewPhase) Up() bool {
	return slices.Contains([]PreviewPhase{PreviewWaiting, PreviewDeploying, PreviewReady, PreviewFailed}, p)
}

// Over says whether nothing more is to be done about it.
func (p PreviewPhase) Over() bool { return p == PreviewGone || p == PreviewRefused }

// Untold says whether the end of an environment is still to be told to the forge.
func (e *PreviewEnvironment) Untold() bool {
	return e != nil && e.Phase == PreviewGone && e.Told != string(PreviewGone)
}

// PreviewStopped says whether the environment is ended by somebody's command, or
// because its time was up: not by what a list of the forge lacks.
func (s *PullRequestStatus) PreviewStopped() bool {
	e := s.Environment
	stopped := s.Preview != nil && !s.Preview.Wanted
	return e != nil && !e.Wanted() && (stopped || e.Expires != nil)
}

// Wanted says whether the environment is to be there, now or when it is its turn.
func (e *PreviewEnvironment) Wanted() bool {
	return e != nil && (e.Phase.Up() || e.Phase == PreviewQueued)
}
