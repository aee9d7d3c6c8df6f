// Package forgetest is the contract of package forge, as trials that every implementation passes against a forge with real Git, real HTTP
// and real signatures. What the interfaces' comments promise is tried here; what only one forge has is tried beside it.
package forgetest

import (
	"net/http"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// World is a forge with one private repository, which has one commit with a README.md on its default branch, and with the bot
// installed on it. "owner" administers it; other people are made when they are first named.
type World struct {
	Forge    forge.Forge
	Verifier forge.Verifier
	// Repository as the bot names it.
	Repository forge.Repository
	// CAFile has the certificate authority of CloneURL, in PEM.
	CAFile string
	People People
	Faults Faults
	Ledger Ledger
}

// People do what people do on a forge. A failure ends the test.
type People interface {
	// User is the account, made when it is not there.
	User(t testing.TB, login string) forge.User
	// Grant sets what a person may do in the repository.
	Grant(t testing.TB, login string, p forge.Permission)
	// Open commits to a new branch and opens a pull request from it.
	Open(t testing.TB, p Pull) (number int, head string)
	// Push adds a commit to a pull request's head and returns it.
	Push(t testing.TB, number int) (head string)
	Label(t testing.TB, number int, label string)
	Close(t testing.TB, number int)
	// Merge returns the commit on the base branch.
	Merge(t testing.TB, number int) (commit string)
	// DeleteFork deletes the repository that the head of a pull request lives in.
	DeleteFork(t testing.TB, number int)
	// Comment returns the comment's id; EditComment changes it at a later time by the forge's clock.
	Comment(t testing.TB, number int, login, body string) (id int64)
	EditComment(t testing.TB, number int, login string, id int64, body string)
	// Review gives a verdict, and reports false if the forge has no such verdict.
	Review(t testing.TB, number int, login string, verdict forge.ReviewState) bool
	// Build has a build of that name end on a commit, well or not; ended is false while it runs.
	Build(t testing.TB, login, sha, name string, ended, well bool)
}

// Pull describes a pull request to be opened.
type Pull struct {
	Author string
	Title  string
	Branch string
	Draft  bool
	Fork   bool // from a fork of the author's
}

// Faults make the forge go wrong.
type Faults interface {
	// Revoke takes the bot's access away.
	Revoke(t testing.TB)
	// Limit answers every call with the forge's rate limit, which ends after that time.
	Limit(t testing.TB, after time.Duration)
	// Break answers the next calls with 502.
	Break(t testing.TB, calls int)
	// Lose carries the next call that creates something out and cuts the connection instead of answering.
	Lose(t testing.TB)
	// Pages makes lists come in pages of that many entries.
	Pages(t testing.TB, size int)
	// Forbid answers the next call with the forge's refusal of a permission.
	Forbid(t testing.TB)
}

// Ledger is what the forge holds, seen without the implementation under test.
type Ledger interface {
	// Checks on a commit.
	Checks(t testing.TB, sha string) []forge.Check
	// Statuses on a commit, newest first, those that were replaced among them where the forge keeps them.
	Statuses(t testing.TB, sha string) []forge.Check
	// Deployments of the repository, and the statuses of one, oldest first.
	Deployments(t testing.TB) []forge.Deployment
	DeploymentStates(t testing.TB, deployment int64) []forge.DeploymentState
	// Reactions on a comment.
	Reactions(t testing.TB, number int, comment int64) []forge.Reaction
	// Body of a comment.
	Body(t testing.TB, number int, comment int64) string
	// Deliveries that were sent so far, oldest first.
	Deliveries(t testing.TB) []Delivery
}

// Delivery is one as it was sent.
type Delivery struct {
	Header http.Header
	Body   []byte
}
