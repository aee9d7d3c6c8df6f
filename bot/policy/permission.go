package policy

import (
	"fmt"
	"strings"

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
	own := same(in.User, in.PullRequest.Author)
	return Gate{
		Name:    "permission",
		Passed:  own || in.Permission >= forge.Write,
		Value:   fmt.Sprintf("%s has %s", in.User.Login, in.Permission),
		Satisfy: "the command is given by the pull request's author, or by someone with write permission",
	}, true
}

// reader asks for a part in the project that strangers do not have.
func reader(in Input) (Gate, bool) {
	own := same(in.User, in.PullRequest.Author)
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
	own := same(in.User, in.PullRequest.Author) && in.Permission < forge.Write
	return Gate{
		Name:    "somebody else",
		Passed:  !own,
		Value:   in.User.Login + " gave the command",
		Satisfy: "somebody else than the author, with write permission, gives the command",
	}, true
}

// same says whether two accounts are one: by ID where both are known, else by login.
func same(a, b forge.User) bool {
	if a.ID != 0 && b.ID != 0 {
		return a.ID == b.ID
	}
	return a.Login != "" && strings.EqualFold(a.Login, b.Login)
}
