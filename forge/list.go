package forge

// PullQuery asks for pull requests of one repository.
type PullQuery struct {
	// Repository is "owner/name"; on GitLab the project's full path, or its number.
	Repository string
	// Labels that they must have, all of them.
	Labels []string
	// State is GitLab's word, such as "opened"; empty is all there, and the open ones on GitHub, which lists no others.
	State string
}

// RepositoryQuery asks for the repositories of one owner.
type RepositoryQuery struct {
	Owner string // an organisation, or a group by its full path or number
	// Subgroups, Shared, Archived and Topic are GitLab's: with groups beneath it, with projects that are shared with it, with those that
	// are archived, and with this topic alone.
	Subgroups, Shared, Archived bool
	Topic                       string
}

// Listed is a repository as the list of its owner's has it.
type Listed struct {
	Repository
	SSHURL   string
	Topics   []string
	Archived bool
}
