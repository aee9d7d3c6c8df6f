// Package forge says what Slipway needs of a place where pull requests live: the values that pass between it and the bot, and
// small interfaces by which the bot asks. forge/github and forge/gitlab implement them; forge/forgetest is the contract that
// both pass. The bot knows this package alone.
//
// It stands at both ends of the river: deliveries come in as an Event, and reports go out as comments, checks and deployments.
package forge

import (
	"context"
	"net/http"
	"time"
)

// Kind names a forge's product, which decides its API and its quirks.
type Kind string

const (
	GitHub Kind = "github"
	GitLab Kind = "gitlab"
)

// Repository names a repository on a forge. The numeric ID is what counts; owner and name may change under it.
type Repository struct {
	Forge Kind   `json:"forge"`
	Host  string `json:"host"` // "github.com", with the port where there is one
	ID    int64  `json:"id"`
	Owner string `json:"owner"` // on GitLab the full path of the group
	Name  string `json:"name"`
	// CloneURL is the HTTPS address for git, without credentials.
	CloneURL string `json:"cloneURL"`
	// Installation is the App installation that reaches it; 0 on GitLab.
	Installation  int64  `json:"installation,omitempty"`
	DefaultBranch string `json:"defaultBranch,omitempty"`
	Private       bool   `json:"private,omitempty"`
	// Archived repositories can be read, and nothing can be written to them.
	Archived bool `json:"archived,omitempty"`
}

// FullName is "owner/name".
func (r Repository) FullName() string { return r.Owner + "/" + r.Name }

// Event is a verified delivery reduced to what it hints at: which pull request, or which repository, to look at again.
// Nothing in it is believed beyond that.
type Event struct {
	Delivery   string // the forge's id of the delivery, the same when it is sent again
	Name       string // the forge's name of the event with its action, such as "pull_request.synchronize"
	Repository Repository
	// Also are further repositories that the delivery is about, as when the App is installed on several at once.
	Also []Repository
	// Number is the pull request's, or 0 when the delivery names none (push, check runs of forks, installations).
	Number int
	// SHA is the commit the delivery is about, where it names one.
	SHA string
	// Ref is the full name of the ref that a push moved.
	Ref string
	// CheckKey is the ExternalID of the check of ours that the delivery is about.
	CheckKey string
	// Button is the identifier of the check's button that Sender pressed. No API tells of it again.
	Button string
	Sender User
	// Ignored says why the delivery needs no work ("event ping is not used"); empty when it does.
	Ignored string
}

// State of a pull request.
type State string

const (
	Open   State = "open"
	Closed State = "closed"
	Merged State = "merged"
)

// PullRequest is a pull request (GitLab: merge request) as the forge describes it now.
type PullRequest struct {
	// Repository as it is now where the pull request was read by itself; in lists, as their caller named it.
	Repository Repository
	Number     int
	URL        string
	Title      string
	Author     User
	State      State
	Draft      bool
	Labels     []string
	// Base is the branch to merge into; its commit is the one that the forge compared with last, or "". The branch may be further.
	Base Ref
	Head Ref
	// HeadRepository is the ID of the repository the head lives in; 0 when it has been deleted.
	HeadRepository int64
	// HeadOwner is the login of the account that owns the head's repository; "" where the forge does not say, or it is gone.
	HeadOwner string
	// TestMerge is the commit the forge made to try the merge, or "" while it computes or when there is a conflict. Whether its
	// parents are (Base, Head) is for the reader to check.
	TestMerge string
	// Mergeable is nil while the forge computes it.
	Mergeable *bool
	// MergeCommit is the commit on the base branch that the merge made, once merged.
	MergeCommit string
	MergedBy    User
	UpdatedAt   time.Time
}

// Fork says whether the head lives in another repository than the base, or in none any more.
func (p PullRequest) Fork() bool { return p.HeadRepository != p.Repository.ID }

// Ref is a branch and the commit it points at.
type Ref struct {
	Name string // without refs/heads/
	SHA  string
}

// User is an account on the forge.
type User struct {
	ID    int64
	Login string
	Bot   bool
}

// Comment on a pull request's conversation.
type Comment struct {
	ID        int64
	URL       string
	Body      string
	Author    User
	CreatedAt time.Time
	// Edited is whether the body was changed after it was posted, as far as times tell.
	Edited bool
	// Node is what GitHub's GraphQL calls it; "" elsewhere.
	Node string
	// Ours is whether this App or bot wrote it.
	Ours bool
}

// Review is a verdict on a commit.
type Review struct {
	User        User
	State       ReviewState
	SHA         string // the head it was given for; "" where that cannot be told for certain
	SubmittedAt time.Time
}

// ReviewState is a reviewer's verdict.
type ReviewState string

const (
	Approved         ReviewState = "approved"
	ChangesRequested ReviewState = "changes_requested"
	Commented        ReviewState = "commented"
	Dismissed        ReviewState = "dismissed"
)

// Permission is what a user may do in a repository. Greater is more.
type Permission int

const (
	None Permission = iota
	Read
	Triage
	Write
	Maintain
	Admin
)

// String is GitHub's word for the permission.
func (p Permission) String() string {
	return [...]string{"none", "read", "triage", "write", "maintain", "admin"}[min(max(p, None), Admin)]
}

// Check is the one check of Slipway on a commit: a check run on GitHub, a commit status on GitLab.
type Check struct {
	ID         int64  // 0 until it has been created
	New        bool   // nobody has tried to create it before, so that it need not be looked for
	Bare       bool   // no annotation was ever sent to the one with this ID, so that they need not be looked for
	ExternalID string // our key; looked for before a check is created
	Name       string
	SHA        string
	// Status is how far it is; empty leaves a check with an ID as it is, but for its Buttons.
	Status     CheckStatus
	Conclusion Conclusion // empty until Status is Completed
	DetailsURL string
	Title      string
	Summary    string // Markdown; cut to the forge's limit by the forge package, at a line
	Text       string // Markdown; likewise
	// Annotations beyond the forge's limit a call are sent in further calls.
	Annotations []Annotation
	// Buttons that people may press; a forge without any leaves them out. At most three: the rest is not shown.
	Buttons     []Button
	StartedAt   time.Time
	CompletedAt time.Time
}

// Button of a check. Whoever sees the check may press it: what it does is for its maker to allow.
type Button struct {
	// ID of at most 20 characters comes back when it is pressed.
	ID string
	// Label of at most 20 characters, Description of at most 40; longer ones are cut.
	Label, Description string
}

// CheckStatus is how far a check has come.
type CheckStatus string

const (
	Queued     CheckStatus = "queued"
	InProgress CheckStatus = "in_progress"
	Completed  CheckStatus = "completed"
)

// Conclusion is how a check ended.
type Conclusion string

const (
	Success   Conclusion = "success"
	Failure   Conclusion = "failure"
	Neutral   Conclusion = "neutral"
	Cancelled Conclusion = "cancelled"
	Skipped   Conclusion = "skipped"
	// ActionRequired asks a person to do something before the check can go on.
	ActionRequired Conclusion = "action_required"
)

// Annotation is a remark at a place in a file of the head.
type Annotation struct {
	Path    string
	Line    int    // from 1
	Level   string // notice, warning, failure
	Title   string
	Message string
}

// Deployment of a commit to an environment.
type Deployment struct {
	ID          int64
	Environment string
	SHA         string
	// Ref is the branch that SHA is the head of, as far as the forge asks for one; empty is the default branch.
	Ref         string
	Description string
	Production  bool
	Transient   bool
	// Key is our own id (the command's), kept in the payload and looked for before a deployment is created.
	Key string
}

// DeploymentState is the state of a deployment.
type DeploymentState string

const (
	DeploymentQueued     DeploymentState = "queued"
	DeploymentInProgress DeploymentState = "in_progress"
	DeploymentSuccess    DeploymentState = "success"
	DeploymentFailure    DeploymentState = "failure"
	DeploymentInactive   DeploymentState = "inactive"
)

// DeploymentStatus is one entry in a deployment's history.
type DeploymentStatus struct {
	State          DeploymentState
	Description    string // at most 140 characters; longer is cut
	LogURL         string
	EnvironmentURL string
	// EnvironmentGone says, of one that is inactive, that the environment itself is no more.
	EnvironmentGone bool
}

// Reaction is an emoji that acknowledges a comment.
type Reaction string

const (
	Eyes      Reaction = "eyes"
	Rocket    Reaction = "rocket"
	ThumbsUp  Reaction = "+1"
	ThumbDown Reaction = "-1"
	Confused  Reaction = "confused"
)

// Credentials for git over HTTPS. They are short-lived and narrow: read access to one repository.
type Credentials struct {
	Username  string
	Password  string
	ExpiresAt time.Time // zero when they do not expire
}

// Delivery is an entry in a forge's log of what it tried to deliver to us.
type Delivery struct {
	// ID of the attempt, and GUID of the event, which all attempts share.
	ID   int64
	GUID string
	// Name is the event's with its action, such as "pull_request.opened".
	Name string
	At   time.Time
	// Status is our answer, 0 when there was none.
	Status int
	// Again says that it was a repeated attempt.
	Again bool
}

// Delivered says whether we took the delivery.
func (d Delivery) Delivered() bool { return d.Status >= 200 && d.Status < 300 }

// Verifier turns the raw bytes of a delivery into an Event. It compares in constant time, refuses what is not signed
// with the SHA-256 of the secret, and parses only what it has verified.
type Verifier interface {
	Verify(h http.Header, body []byte) (Event, error)
}

// PullRequests reads pull requests.
type PullRequests interface {
	// PullRequest reads one, with its repository as that is now. ErrNotFound when either, or our access to it, is gone.
	PullRequest(ctx context.Context, r Repository, number int) (PullRequest, error)
	// OpenPullRequests lists the numbers of the open ones with their heads.
	OpenPullRequests(ctx context.Context, r Repository) ([]PullRequest, error)
	// ClosedPullRequests lists those that are closed or merged and that something happened to at or after since: the newest some hundreds.
	ClosedPullRequests(ctx context.Context, r Repository, since time.Time) ([]PullRequest, error)
	// Reviews lists the newest verdict of each reviewer.
	Reviews(ctx context.Context, r Repository, number int) ([]Review, error)
	// Writers are the accounts that are known to have had a hand in the head of p: authors and committers of its commits, and, where the
	// forge tells, who pushed its branch. A forge that knows commits by e-mail only goes by pushes alone.
	Writers(ctx context.Context, r Repository, p PullRequest) ([]User, error)
	// Permission is what user may do in r now.
	Permission(ctx context.Context, r Repository, user User) (Permission, error)
}

// Comments reads and writes the conversation.
type Comments interface {
	// Comments lists those changed at or after since, oldest first.
	Comments(ctx context.Context, r Repository, number int, since time.Time) ([]Comment, error)
	CreateComment(ctx context.Context, r Repository, number int, body string) (Comment, error)
	EditComment(ctx context.Context, r Repository, number int, id int64, body string) error
	// React adds a reaction; adding it again changes nothing.
	React(ctx context.Context, r Repository, number int, comment int64, reaction Reaction) error
	// CommentLimit is the largest body in characters (Unicode code points) that may be posted.
	CommentLimit() int
}

// Checks writes the check of a commit.
type Checks interface {
	// SetCheck creates the check, or changes the one with its ID or, when ID is 0, the one on that commit with its Name and ExternalID. It
	// returns the check's ID.
	SetCheck(ctx context.Context, r Repository, c Check) (int64, error)
	// OtherChecks lists the newest of each name on a commit that others have set, with Name, Status and Conclusion. ErrForbidden where we may
	// not read all of them.
	OtherChecks(ctx context.Context, r Repository, sha string) ([]Check, error)
}

// Statuses writes commit statuses: a line on a commit beside the check, known by its name alone.
type Statuses interface {
	// SetStatuses sets statuses one after the other, each of its Name on its SHA: how far it is, Title as its line, DetailsURL as its link. One
	// that stands there alike is left alone; what stands there is looked up once, and not at all for those that are New. ErrForbidden where the
	// App was not given the permission for it, which it asks for by no other call. After an error some may be set.
	SetStatuses(ctx context.Context, r Repository, all ...Check) error
}

// Deployments records what was deployed.
type Deployments interface {
	// CreateDeployment creates d, or finds the one on that commit and environment with the same Key.
	CreateDeployment(ctx context.Context, r Repository, d Deployment) (int64, error)
	SetDeploymentStatus(ctx context.Context, r Repository, deployment int64, s DeploymentStatus) error
}

// Contents gives access to a repository's bytes, by git.
type Contents interface {
	// Credentials are read-only credentials for r's CloneURL.
	Credentials(ctx context.Context, r Repository) (Credentials, error)
	// HeadRef is the ref of the base repository under which the head of a pull request can be fetched, such as "refs/pull/7/head".
	HeadRef(number int) string
	// MergeRef is the ref of the forge's test merge.
	MergeRef(number int) string
}

// Repositories reads repositories.
type Repositories interface {
	// Repository reads r again by its numeric ID (it may have been renamed or transferred). ErrNotFound when it is gone.
	Repository(ctx context.Context, r Repository) (Repository, error)
	// Installed lists every repository that the App or bot account reaches, with the installation's owner checked against the
	// owners that are allowed. Beside an error it gives those that could be listed: the others may be there or not.
	Installed(ctx context.Context) ([]Repository, error)
}

// Forge is all of it, as forge/github and forge/gitlab give it and forge/forgetest tries it. Whoever uses a forge declares the part it
// needs; only wiring names this.
type Forge interface {
	PullRequests
	Comments
	Checks
	Statuses
	Deployments
	Contents
	Repositories
}
