package forge

import "context"

// Proposal is a pull request of our own that is to be opened.
type Proposal struct {
	Title, Body string
	// Head is the branch with the change, Base the one to merge it into; both of the same repository, without refs/heads/.
	Head, Base string
}

// Proposals opens pull requests of our own. It needs more than anything else that we do: to write to branches. A forge that can offers it beside.
type Proposals interface {
	// PushCredentials are credentials for r's CloneURL that may write to its branches. ErrForbidden where we may not.
	PushCredentials(ctx context.Context, r Repository) (Credentials, error)
	// Propose opens a pull request, or finds the open one from the same branch into the same.
	Propose(ctx context.Context, r Repository, p Proposal) (PullRequest, error)
}
