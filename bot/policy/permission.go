package policy

import (
	"fmt"

	"github.com/slipway-cd/slipway/forge"
)

// permission asks for write in the repository, or for more where the environment does.
func permission(in Input) (Gate, bool) {
	need := max(forge.Write, in.Environment.Allow.Permission)
	return Gate{
		Name:    "permission",
		Passed:  in.Permission >= need,
		Value:   fmt.Sprintf("%s has %s", in.User.Login, in.Permission),
		Satisfy: fmt.Sprintf("the command is given by someone with %s permission", need),
	}, true
}

// author asks for write, or for being the author of the pull request.
func author(in Input) (Gate, bool) {
	own := in.User.ID != 0 && in.User.ID == in.PullRequest.Author.ID
	return Gate{
		Name:    "permission",
		Passed:  own || in.Permission >= forge.Write,
		Value:   fmt.Sprintf("%s has %s", in.User.Login, in.Permission),
		Satisfy: "the command is given by the pull request's author, or by someone with write permission",
	}, true
}

// reader asks for a part in the project that strangers do not have.
func reader(in Input) (Gate, bool) {
	own := in.User.ID != 0 && in.User.ID == in.PullRequest.Author.ID
	need := forge.Triage
	if in.PullRequest.Repository.Private {
		need = forge.Read
	}
	return Gate{
		Name:    "permission",
		Passed:  own || in.Permission >= need,
		Value:   fmt.Sprintf("%s has %s", in.User.Login, in.Permission),
		Satisfy: fmt.Sprintf("the command is given by the pull request's author, or by someone with %s permission", need),
	}, true
}

// another asks that a head is vouched for by somebody else than its author, whose own word adds nothing.
func another(in Input) (Gate, bool) {
	own := in.User.ID != 0 && in.User.ID == in.PullRequest.Author.ID && in.Permission < forge.Write
	return Gate{
		Name:    "somebody else",
		Passed:  !own,
		Value:   in.User.Login + " gave the command",
		Satisfy: "somebody else than the author gives the command",
	}, true
}
