package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CommandPhase is how far a command has come.
//
// +kubebuilder:validation:Enum=Pending;Running;Done;Refused;Failed
type CommandPhase string

// The phases of a command.
const (
	CommandPending CommandPhase = "Pending"
	CommandRunning CommandPhase = "Running"
	CommandDone    CommandPhase = "Done"
	CommandRefused CommandPhase = "Refused"
	CommandFailed  CommandPhase = "Failed"
)

// Finished reports whether nothing more will happen.
func (p CommandPhase) Finished() bool {
	return p == CommandDone || p == CommandRefused || p == CommandFailed
}

// Command is a line of a comment that asks for something. It is recorded
// before anything is done about it, so that it is done once.
type Command struct {
	// ID is the forge's id of the comment; 0 for a button of the check.
	ID int64 `json:"id"`
	// Text of the line.
	Text string `json:"text"`
	// Author of the comment.
	Author string `json:"author"`
	// AuthorID is the forge's id of the author: a name can change hands.
	AuthorID int64 `json:"authorID,omitempty"`
	// CreatedAt is when the comment was made, by the forge's clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	CreatedAt metav1.MicroTime `json:"createdAt"`
	// Phase is how far it has come.
	Phase CommandPhase `json:"phase"`
	// ReplyID is the forge's id of the comment that answers.
	ReplyID string `json:"replyID,omitempty"`
	// Folded says that the answer was folded away on the forge, being about a
	// head that was replaced.
	Folded bool `json:"folded,omitempty"`
	// OperationID is carried by every operation that it asked for.
	OperationID string `json:"operationID,omitempty"`
	// Applications that it resolved to, each namespace/name.
	Applications []string `json:"applications,omitempty"`
	// DeploymentIDs are the forge's ids of deployments by environment.
	DeploymentIDs map[string]int64 `json:"deploymentIDs,omitempty"`
	// Unwell says of applications that it did not bring to health why, by
	// namespace/name.
	Unwell map[string]string `json:"unwell,omitempty"`
	// Message for people.
	Message string `json:"message,omitempty"`
	// StartedAt is when it began to run.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	StartedAt *metav1.MicroTime `json:"startedAt,omitempty"`
	// FinishedAt is when it ended.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}(Z|[+-][0-9]{2}:[0-9]{2})$`
	FinishedAt *metav1.MicroTime `json:"finishedAt,omitempty"`
}
