package v1alpha1

// SCMProviderGenerator lists the repositories of an organisation. Exactly one
// provider is set.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGenerator struct {
	// Github organisation.
	Github *SCMProviderGeneratorGithub `json:"github,omitempty"`
	// Gitlab group.
	Gitlab *SCMProviderGeneratorGitlab `json:"gitlab,omitempty"`
	// Bitbucket workspace.
	Bitbucket *SCMProviderGeneratorBitbucket `json:"bitbucket,omitempty"`
	// BitbucketServer project.
	BitbucketServer *SCMProviderGeneratorBitbucketServer `json:"bitbucketServer,omitempty"`
	// Gitea organisation or user.
	Gitea *SCMProviderGeneratorGitea `json:"gitea,omitempty"`
	// AzureDevOps team project.
	AzureDevOps *SCMProviderGeneratorAzureDevOps `json:"azureDevOps,omitempty"`
	// Filters, of which any must match; all conditions in one must hold.
	Filters []SCMProviderGeneratorFilter `json:"filters,omitempty"`
	// CloneProtocol of the repositories' URLs: ssh or https.
	CloneProtocol string `json:"cloneProtocol,omitempty"`
	// RequeueAfterSeconds is how often to look again.
	RequeueAfterSeconds *int64 `json:"requeueAfterSeconds,omitempty"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// Values are more parameters; they may be templates.
	Values map[string]string `json:"values,omitempty"`
	// AWSCodeCommit account and region.
	AWSCodeCommit *SCMProviderGeneratorAWSCodeCommit `json:"awsCodeCommit,omitempty"`
}

// SCMProviderGeneratorGithub is a GitHub organisation.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorGithub struct {
	// Organization to list.
	Organization string `json:"organization"`
	// API is the API's URL; that of github.com if empty.
	API string `json:"api,omitempty"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// AppSecretName names a repository secret with a GitHub App's key.
	AppSecretName string `json:"appSecretName,omitempty"`
	// AllBranches lists every branch, not only the default one.
	AllBranches bool `json:"allBranches,omitempty"`
	// ExcludeArchivedRepos leaves archived repositories out.
	ExcludeArchivedRepos bool `json:"excludeArchivedRepos,omitempty"`
}

// SCMProviderGeneratorGitlab is a GitLab group.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorGitlab struct {
	// Group by id or full path.
	Group string `json:"group"`
	// IncludeSubgroups lists subgroups too.
	IncludeSubgroups bool `json:"includeSubgroups,omitempty"`
	// API is the instance's URL; gitlab.com if empty.
	API string `json:"api,omitempty"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// AllBranches lists every branch, not only the default one.
	AllBranches bool `json:"allBranches,omitempty"`
	// Insecure does not verify the server's certificate.
	Insecure bool `json:"insecure,omitempty"`
	// IncludeSharedProjects lists projects shared with subgroups; absent means
	// true.
	IncludeSharedProjects *bool `json:"includeSharedProjects,omitempty"`
	// Topic that projects must have.
	Topic string `json:"topic,omitempty"`
	// CARef names trusted certificates.
	CARef *ConfigMapKeyRef `json:"caRef,omitempty"`
	// IncludeArchivedRepos lists archived projects too.
	IncludeArchivedRepos bool `json:"includeArchivedRepos,omitempty"`
}

// SCMProviderGeneratorGitea is a Gitea organisation or user.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorGitea struct {
	// Owner to list.
	Owner string `json:"owner"`
	// API is the instance's URL.
	API string `json:"api"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// AllBranches lists every branch, not only the default one.
	AllBranches bool `json:"allBranches,omitempty"`
	// Insecure does not verify the server's certificate.
	Insecure bool `json:"insecure,omitempty"`
	// ExcludeArchivedRepos leaves archived repositories out.
	ExcludeArchivedRepos bool `json:"excludeArchivedRepos,omitempty"`
}

// SCMProviderGeneratorBitbucket is a Bitbucket Cloud workspace.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorBitbucket struct {
	// Owner is the workspace.
	Owner string `json:"owner"`
	// User to sign in as.
	User string `json:"user"`
	// AppPasswordRef names the user's app password.
	AppPasswordRef *SecretRef `json:"appPasswordRef"`
	// AllBranches lists every branch, not only the main one.
	AllBranches bool `json:"allBranches,omitempty"`
}

// SCMProviderGeneratorBitbucketServer is a Bitbucket Server project.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorBitbucketServer struct {
	// Project to list.
	Project string `json:"project"`
	// API is the REST API's URL.
	API string `json:"api"`
	// BasicAuth is a name and a password.
	BasicAuth *BasicAuthBitbucketServer `json:"basicAuth,omitempty"`
	// AllBranches lists every branch, not only the default one.
	AllBranches bool `json:"allBranches,omitempty"`
	// BearerToken is an access token.
	BearerToken *BearerTokenBitbucket `json:"bearerToken,omitempty"`
	// Insecure does not verify the server's certificate.
	Insecure bool `json:"insecure,omitempty"`
	// CARef names trusted certificates.
	CARef *ConfigMapKeyRef `json:"caRef,omitempty"`
}

// SCMProviderGeneratorAzureDevOps is an Azure DevOps team project.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorAzureDevOps struct {
	// Organization of the project.
	Organization string `json:"organization"`
	// API is the instance's URL; dev.azure.com if empty.
	API string `json:"api,omitempty"`
	// TeamProject to list.
	TeamProject string `json:"teamProject"`
	// AccessTokenRef names a personal access token.
	AccessTokenRef *SecretRef `json:"accessTokenRef"`
	// AllBranches lists every branch, not only the default one.
	AllBranches bool `json:"allBranches,omitempty"`
}

// SCMProviderGeneratorAWSCodeCommit is an AWS account and region.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorAWSCodeCommit struct {
	// TagFilters that repositories must match.
	TagFilters []TagFilter `json:"tagFilters,omitempty"`
	// Role to assume; the pod's own identity if empty.
	Role string `json:"role,omitempty"`
	// Region to list; the environment's if empty.
	Region string `json:"region,omitempty"`
	// AllBranches lists every branch, not only the default one.
	AllBranches bool `json:"allBranches,omitempty"`
}

// TagFilter matches a tag of a repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type TagFilter struct {
	// Key of the tag.
	Key string `json:"key"`
	// Value of the tag; empty matches any.
	Value string `json:"value,omitempty"`
}

// SCMProviderGeneratorFilter holds conditions, all of which must hold.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SCMProviderGeneratorFilter struct {
	// RepositoryMatch is a regular expression over names.
	RepositoryMatch *string `json:"repositoryMatch,omitempty"`
	// PathsExist must all exist.
	PathsExist []string `json:"pathsExist,omitempty"`
	// PathsDoNotExist must none exist.
	PathsDoNotExist []string `json:"pathsDoNotExist,omitempty"`
	// LabelMatch is a regular expression that a label must match.
	LabelMatch *string `json:"labelMatch,omitempty"`
	// BranchMatch is a regular expression over branches.
	BranchMatch *string `json:"branchMatch,omitempty"`
}

// PullRequestGenerator lists open pull requests. Exactly one provider is set.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGenerator struct {
	// Github repository.
	Github *PullRequestGeneratorGithub `json:"github,omitempty"`
	// GitLab project.
	GitLab *PullRequestGeneratorGitLab `json:"gitlab,omitempty"`
	// Gitea repository.
	Gitea *PullRequestGeneratorGitea `json:"gitea,omitempty"`
	// BitbucketServer repository.
	BitbucketServer *PullRequestGeneratorBitbucketServer `json:"bitbucketServer,omitempty"`
	// Filters, of which any must match; all conditions in one must hold.
	Filters []PullRequestGeneratorFilter `json:"filters,omitempty"`
	// RequeueAfterSeconds is how often to look again.
	RequeueAfterSeconds *int64 `json:"requeueAfterSeconds,omitempty"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// Bitbucket repository.
	Bitbucket *PullRequestGeneratorBitbucket `json:"bitbucket,omitempty"`
	// AzureDevOps repository.
	AzureDevOps *PullRequestGeneratorAzureDevOps `json:"azuredevops,omitempty"`
	// Values are more parameters; they may be templates.
	Values map[string]string `json:"values,omitempty"`
	// ContinueOnRepoNotFoundError takes a missing repository for one without
	// pull requests.
	ContinueOnRepoNotFoundError bool `json:"continueOnRepoNotFoundError,omitempty"`
}

// PullRequestGeneratorGithub is a GitHub repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorGithub struct {
	// Owner of the repository.
	Owner string `json:"owner"`
	// Repo is the repository's name.
	Repo string `json:"repo"`
	// API is the API's URL; that of github.com if empty.
	API string `json:"api,omitempty"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// AppSecretName names a repository secret with a GitHub App's key.
	AppSecretName string `json:"appSecretName,omitempty"`
	// Labels that pull requests must have, all of them.
	Labels []string `json:"labels,omitempty"`
}

// PullRequestGeneratorGitLab is a GitLab project.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorGitLab struct {
	// Project by id or full path.
	Project string `json:"project"`
	// API is the instance's URL; gitlab.com if empty.
	API string `json:"api,omitempty"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// Labels that merge requests must have, all of them.
	Labels []string `json:"labels,omitempty"`
	// PullRequestState is opened, closed, merged, locked or empty for all.
	PullRequestState string `json:"pullRequestState,omitempty"`
	// Insecure does not verify the server's certificate.
	Insecure bool `json:"insecure,omitempty"`
	// CARef names trusted certificates.
	CARef *ConfigMapKeyRef `json:"caRef,omitempty"`
}

// PullRequestGeneratorGitea is a Gitea repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorGitea struct {
	// Owner of the repository.
	Owner string `json:"owner"`
	// Repo is the repository's name.
	Repo string `json:"repo"`
	// API is the instance's URL.
	API string `json:"api"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// Insecure does not verify the server's certificate.
	Insecure bool `json:"insecure,omitempty"`
	// Labels that pull requests must have, all of them.
	Labels []string `json:"labels,omitempty"`
}

// PullRequestGeneratorBitbucketServer is a Bitbucket Server repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorBitbucketServer struct {
	// Project of the repository.
	Project string `json:"project"`
	// Repo is the repository's name.
	Repo string `json:"repo"`
	// API is the REST API's URL.
	API string `json:"api"`
	// BasicAuth is a name and a password.
	BasicAuth *BasicAuthBitbucketServer `json:"basicAuth,omitempty"`
	// BearerToken is an access token.
	BearerToken *BearerTokenBitbucket `json:"bearerToken,omitempty"`
	// Insecure does not verify the server's certificate.
	Insecure bool `json:"insecure,omitempty"`
	// CARef names trusted certificates.
	CARef *ConfigMapKeyRef `json:"caRef,omitempty"`
}

// PullRequestGeneratorBitbucket is a Bitbucket Cloud repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorBitbucket struct {
	// Owner is the workspace.
	Owner string `json:"owner"`
	// Repo is the repository's name.
	Repo string `json:"repo"`
	// API is the REST API's URL; that of bitbucket.org if empty.
	API string `json:"api,omitempty"`
	// BasicAuth is a name and a password.
	BasicAuth *BasicAuthBitbucketServer `json:"basicAuth,omitempty"`
	// BearerToken is an access token.
	BearerToken *BearerTokenBitbucketCloud `json:"bearerToken,omitempty"`
}

// PullRequestGeneratorAzureDevOps is an Azure DevOps repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorAzureDevOps struct {
	// Organization of the project.
	Organization string `json:"organization"`
	// Project of the repository.
	Project string `json:"project"`
	// Repo is the repository's name.
	Repo string `json:"repo"`
	// API is the instance's URL; dev.azure.com if empty.
	API string `json:"api,omitempty"`
	// TokenRef names an access token.
	TokenRef *SecretRef `json:"tokenRef,omitempty"`
	// Labels that pull requests must have, all of them.
	Labels []string `json:"labels,omitempty"`
}

// PullRequestGeneratorFilter holds conditions, all of which must hold.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PullRequestGeneratorFilter struct {
	// BranchMatch is a regular expression over source branches.
	BranchMatch *string `json:"branchMatch,omitempty"`
	// TargetBranchMatch is a regular expression over target branches.
	TargetBranchMatch *string `json:"targetBranchMatch,omitempty"`
	// TitleMatch is a regular expression over titles.
	TitleMatch *string `json:"titleMatch,omitempty"`
}
