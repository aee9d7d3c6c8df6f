package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ApplicationSetGenerator makes sets of parameters. Exactly one kind is set.
//
// Generators nest two levels deep in matrix and merge. A type that contained
// itself could not become a schema, so each level is a type of its own: this
// one, ApplicationSetNestedGenerator and ApplicationSetTerminalGenerator.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetGenerator struct {
	// List of literal parameters.
	List *ListGenerator `json:"list,omitempty"`
	// Clusters that are registered.
	Clusters *ClusterGenerator `json:"clusters,omitempty"`
	// Git directories or files.
	Git *GitGenerator `json:"git,omitempty"`
	// SCMProvider lists repositories of an organisation.
	SCMProvider *SCMProviderGenerator `json:"scmProvider,omitempty"`
	// ClusterDecisionResource asks another resource for clusters.
	ClusterDecisionResource *DuckTypeGenerator `json:"clusterDecisionResource,omitempty"`
	// PullRequest lists open pull requests.
	PullRequest *PullRequestGenerator `json:"pullRequest,omitempty"`
	// Matrix combines each set of one generator with each of another.
	Matrix *MatrixGenerator `json:"matrix,omitempty"`
	// Merge joins sets of several generators by key.
	Merge *MergeGenerator `json:"merge,omitempty"`
	// Selector drops sets of parameters that do not match.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// Plugin asks an HTTP service.
	Plugin *PluginGenerator `json:"plugin,omitempty"`
}

// ApplicationSetNestedGenerator is a generator inside matrix or merge.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSetNestedGenerator struct {
	// List of literal parameters.
	List *ListGenerator `json:"list,omitempty"`
	// Clusters that are registered.
	Clusters *ClusterGenerator `json:"clusters,omitempty"`
	// Git directories or files.
	Git *GitGenerator `json:"git,omitempty"`
	// SCMProvider lists repositories of an organisation.
	SCMProvider *SCMProviderGenerator `json:"scmProvider,omitempty"`
	// ClusterDecisionResource asks another resource for clusters.
	ClusterDecisionResource *DuckTypeGenerator `json:"clusterDecisionResource,omitempty"`
	// PullRequest lists open pull requests.
	PullRequest *PullRequestGenerator `json:"pullRequest,omitempty"`
	// Matrix has the form of NestedMatrixGenerator.
	Matrix *apiextensionsv1.JSON `json:"matrix,omitempty"`
	// Merge has the form of NestedMergeGenerator.
	Merge *apiextensionsv1.JSON `json:"merge,omitempty"`
	// Selector drops sets of parameters that do not match.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// Plugin asks an HTTP service.
	Plugin *PluginGenerator `json:"plugin,omitempty"`
}

// ApplicationSetTerminalGenerator is a generator on the innermost level.
type ApplicationSetTerminalGenerator struct {
	// List of literal parameters.
	List *ListGenerator `json:"list,omitempty"`
	// Clusters that are registered.
	Clusters *ClusterGenerator `json:"clusters,omitempty"`
	// Git directories or files.
	Git *GitGenerator `json:"git,omitempty"`
	// SCMProvider lists repositories of an organisation.
	SCMProvider *SCMProviderGenerator `json:"scmProvider,omitempty"`
	// ClusterDecisionResource asks another resource for clusters.
	ClusterDecisionResource *DuckTypeGenerator `json:"clusterDecisionResource,omitempty"`
	// PullRequest lists open pull requests.
	PullRequest *PullRequestGenerator `json:"pullRequest,omitempty"`
	// Plugin asks an HTTP service.
	Plugin *PluginGenerator `json:"plugin,omitempty"`
	// Selector drops sets of parameters that do not match.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// ListGenerator is a list of literal parameters.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ListGenerator struct {
	// Elements, each an object.
	// +optional
	Elements []apiextensionsv1.JSON `json:"elements,omitzero"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// ElementsYaml is a template that becomes a YAML list of elements.
	ElementsYaml string `json:"elementsYaml,omitempty"`
}

// MatrixGenerator combines each set of one generator with each of another.
//
// +kubebuilder:pruning:PreserveUnknownFields
type MatrixGenerator struct {
	// Generators, two of them.
	Generators []ApplicationSetNestedGenerator `json:"generators"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
}

// NestedMatrixGenerator is a matrix inside matrix or merge.
type NestedMatrixGenerator struct {
	// Generators, two of them.
	Generators []ApplicationSetTerminalGenerator `json:"generators"`
}

// MergeGenerator joins sets of several generators by key.
//
// +kubebuilder:pruning:PreserveUnknownFields
type MergeGenerator struct {
	// Generators; the first is the base, later ones override it.
	Generators []ApplicationSetNestedGenerator `json:"generators"`
	// MergeKeys are the parameters by which sets belong together.
	MergeKeys []string `json:"mergeKeys"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
}

// NestedMergeGenerator is a merge inside matrix or merge.
type NestedMergeGenerator struct {
	// Generators; the first is the base, later ones override it.
	Generators []ApplicationSetTerminalGenerator `json:"generators"`
	// MergeKeys are the parameters by which sets belong together.
	MergeKeys []string `json:"mergeKeys"`
}

// ClusterGenerator lists registered clusters.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ClusterGenerator struct {
	// Selector over the labels of cluster secrets. Empty also yields the local
	// cluster.
	Selector metav1.LabelSelector `json:"selector,omitempty,omitzero"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// Values are more parameters; they may be templates.
	Values map[string]string `json:"values,omitempty"`
	// FlatList yields one set of parameters with a list of all clusters.
	FlatList bool `json:"flatList,omitempty"`
}

// DuckTypeGenerator asks another resource for clusters.
//
// +kubebuilder:pruning:PreserveUnknownFields
type DuckTypeGenerator struct {
	// ConfigMapRef names a ConfigMap that describes the resource.
	ConfigMapRef string `json:"configMapRef"`
	// Name of the resource.
	Name string `json:"name,omitempty"`
	// RequeueAfterSeconds is how often to look again.
	RequeueAfterSeconds *int64 `json:"requeueAfterSeconds,omitempty"`
	// LabelSelector over resources, instead of a name.
	LabelSelector metav1.LabelSelector `json:"labelSelector,omitempty,omitzero"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// Values are more parameters; they may be templates.
	Values map[string]string `json:"values,omitempty"`
}

// GitGenerator lists directories or files of a Git repository.
//
// +kubebuilder:pruning:PreserveUnknownFields
type GitGenerator struct {
	// RepoURL of the repository.
	RepoURL string `json:"repoURL"`
	// Directories to list.
	Directories []GitDirectoryGeneratorItem `json:"directories,omitempty"`
	// Files to read, YAML or JSON.
	Files []GitFileGeneratorItem `json:"files,omitempty"`
	// Revision to look at.
	Revision string `json:"revision"`
	// RequeueAfterSeconds is how often to look again.
	RequeueAfterSeconds *int64 `json:"requeueAfterSeconds,omitempty"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// PathParamPrefix is put before path parameters.
	PathParamPrefix string `json:"pathParamPrefix,omitempty"`
	// Values are more parameters; they may be templates.
	Values map[string]string `json:"values,omitempty"`
}

// GitDirectoryGeneratorItem matches directories.
//
// +kubebuilder:pruning:PreserveUnknownFields
type GitDirectoryGeneratorItem struct {
	// Path is a glob.
	Path string `json:"path"`
	// Exclude leaves matching directories out.
	Exclude bool `json:"exclude,omitempty"`
}

// GitFileGeneratorItem matches files.
//
// +kubebuilder:pruning:PreserveUnknownFields
type GitFileGeneratorItem struct {
	// Path is a glob.
	Path string `json:"path"`
	// Exclude leaves matching files out.
	Exclude bool `json:"exclude,omitempty"`
}

// PluginGenerator asks an HTTP service for parameters.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PluginGenerator struct {
	// ConfigMapRef names a ConfigMap with the service's address.
	ConfigMapRef PluginConfigMapRef `json:"configMapRef"`
	// Input is sent to the service.
	Input PluginInput `json:"input,omitempty,omitzero"`
	// RequeueAfterSeconds is how often to ask again.
	RequeueAfterSeconds *int64 `json:"requeueAfterSeconds,omitempty"`
	// Template overrides the set's.
	Template ApplicationSetTemplate `json:"template,omitempty,omitzero"`
	// Values are more parameters, not sent to the service; they may be
	// templates.
	Values map[string]string `json:"values,omitempty"`
}

// PluginConfigMapRef names a ConfigMap.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PluginConfigMapRef struct {
	// Name of the ConfigMap.
	Name string `json:"name"`
}

// PluginParameters are values of any shape by name.
type PluginParameters map[string]apiextensionsv1.JSON

// PluginInput is sent to a plugin's service.
//
// +kubebuilder:pruning:PreserveUnknownFields
type PluginInput struct {
	// Parameters by name.
	Parameters PluginParameters `json:"parameters,omitempty"`
}

// SecretRef names a key of a Secret in the set's namespace.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SecretRef struct {
	// SecretName is the Secret.
	SecretName string `json:"secretName"`
	// Key in the Secret.
	Key string `json:"key"`
}

// ConfigMapKeyRef names a key of a ConfigMap in the set's namespace.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ConfigMapKeyRef struct {
	// ConfigMapName is the ConfigMap.
	ConfigMapName string `json:"configMapName"`
	// Key in the ConfigMap.
	Key string `json:"key"`
}

// BearerTokenBitbucket is an access token.
//
// +kubebuilder:pruning:PreserveUnknownFields
type BearerTokenBitbucket struct {
	// TokenRef names the token.
	TokenRef *SecretRef `json:"tokenRef"`
}

// BearerTokenBitbucketCloud is an access token.
//
// +kubebuilder:pruning:PreserveUnknownFields
type BearerTokenBitbucketCloud struct {
	// TokenRef names the token.
	TokenRef *SecretRef `json:"tokenRef"`
}

// BasicAuthBitbucketServer is a name and a password.
//
// +kubebuilder:pruning:PreserveUnknownFields
type BasicAuthBitbucketServer struct {
	// Username of the account.
	Username string `json:"username"`
	// PasswordRef names the password, or a personal access token.
	PasswordRef *SecretRef `json:"passwordRef"`
}
