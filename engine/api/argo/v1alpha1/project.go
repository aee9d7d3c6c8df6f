package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppProject limits what its applications may use and change, and who may act
// on them. Like Application it has no status subresource.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=appprojects,shortName=appproj;appprojs
// +kubebuilder:printcolumn:name="Description",type=string,JSONPath=`.spec.description`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AppProject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Spec is what is permitted.
	Spec AppProjectSpec `json:"spec"`
	// Status records the tokens of roles.
	Status AppProjectStatus `json:"status,omitempty,omitzero"`
}

// AppProjectList is what the API server answers to a list of projects.
//
// +kubebuilder:object:root=true
type AppProjectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AppProject `json:"items"`
}

// AppProjectSpec is what a project permits.
//
// +kubebuilder:pruning:PreserveUnknownFields
type AppProjectSpec struct {
	// SourceRepos are globs of repository URLs; with a leading ! they deny.
	SourceRepos []string `json:"sourceRepos,omitempty"`
	// Destinations are globs of clusters and namespaces; with a leading ! they
	// deny.
	Destinations []ApplicationDestination `json:"destinations,omitempty"`
	// Description for people.
	// +kubebuilder:validation:MaxLength=255
	Description string `json:"description,omitempty"`
	// Roles are policies that tokens and groups of people may have.
	Roles []ProjectRole `json:"roles,omitempty"`
	// ClusterResourceWhitelist permits cluster-scoped kinds; empty permits none.
	ClusterResourceWhitelist []ClusterResourceRestrictionItem `json:"clusterResourceWhitelist,omitempty"`
	// NamespaceResourceBlacklist forbids namespaced kinds.
	NamespaceResourceBlacklist []metav1.GroupKind `json:"namespaceResourceBlacklist,omitempty"`
	// OrphanedResources, if present, watches for objects that no application
	// owns.
	OrphanedResources *OrphanedResourcesMonitorSettings `json:"orphanedResources,omitempty"`
	// SyncWindows are times at which syncs are allowed or denied.
	SyncWindows SyncWindows `json:"syncWindows,omitempty"`
	// NamespaceResourceWhitelist permits namespaced kinds; absent permits all,
	// present and empty none.
	// +optional
	NamespaceResourceWhitelist []metav1.GroupKind `json:"namespaceResourceWhitelist,omitzero"`
	// SignatureKeys are PGP keys, one of which must have signed a commit.
	// Deprecated in favour of sourceIntegrity.
	SignatureKeys []SignatureKey `json:"signatureKeys,omitempty"`
	// ClusterResourceBlacklist forbids cluster-scoped kinds.
	ClusterResourceBlacklist []ClusterResourceRestrictionItem `json:"clusterResourceBlacklist,omitempty"`
	// SourceNamespaces are globs of namespaces, beside the control namespace,
	// whose applications may use the project.
	SourceNamespaces []string `json:"sourceNamespaces,omitempty"`
	// PermitOnlyProjectScopedClusters limits destinations to clusters that are
	// registered for this project.
	PermitOnlyProjectScopedClusters bool `json:"permitOnlyProjectScopedClusters,omitempty"`
	// DestinationServiceAccounts are the accounts as which syncs act.
	DestinationServiceAccounts []ApplicationDestinationServiceAccount `json:"destinationServiceAccounts,omitempty"`
	// SourceIntegrity says which signatures sources must carry.
	SourceIntegrity *SourceIntegrity `json:"sourceIntegrity,omitempty"`
}

// ClusterResourceRestrictionItem matches cluster-scoped objects.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ClusterResourceRestrictionItem struct {
	// Group of the objects; a glob.
	Group string `json:"group"`
	// Kind of the objects; a glob.
	Kind string `json:"kind"`
	// Name of the objects; a glob, empty matches all.
	Name string `json:"name,omitempty"`
}

// OrphanedResourcesMonitorSettings says what is done about objects that no
// application owns.
//
// +kubebuilder:pruning:PreserveUnknownFields
type OrphanedResourcesMonitorSettings struct {
	// Warn raises a condition on applications; absent means true.
	Warn *bool `json:"warn,omitempty"`
	// Ignore lists objects that are expected.
	Ignore []OrphanedResourceKey `json:"ignore,omitempty"`
}

// OrphanedResourceKey matches objects that are expected to have no owner.
//
// +kubebuilder:pruning:PreserveUnknownFields
type OrphanedResourceKey struct {
	// Group of the objects; a glob.
	Group string `json:"group,omitempty"`
	// Kind of the objects; a glob.
	Kind string `json:"kind,omitempty"`
	// Name of the objects; a glob.
	Name string `json:"name,omitempty"`
}

// SyncWindows is a list of windows.
type SyncWindows []SyncWindow

// SyncWindow is a recurring time at which syncs are allowed or denied.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SyncWindow struct {
	// Kind is allow or deny.
	Kind string `json:"kind,omitempty"`
	// Schedule is when the window opens, in five-field cron form.
	Schedule string `json:"schedule,omitempty"`
	// Duration is how long it stays open, a Go duration.
	Duration string `json:"duration,omitempty"`
	// Applications are globs of application names.
	Applications []string `json:"applications,omitempty"`
	// Namespaces are globs of destination namespaces.
	Namespaces []string `json:"namespaces,omitempty"`
	// Clusters are globs of destination names or servers.
	Clusters []string `json:"clusters,omitempty"`
	// ManualSync lets people sync in spite of the window.
	ManualSync bool `json:"manualSync,omitempty"`
	// TimeZone of the schedule, an IANA name; UTC if empty.
	TimeZone string `json:"timeZone,omitempty"`
	// UseAndOperator demands that all the lists match, not any of them.
	UseAndOperator bool `json:"andOperator,omitempty"`
	// Description for people.
	Description string `json:"description,omitempty"`
	// SyncOverrun lets a sync that began when it was permitted go on.
	SyncOverrun bool `json:"syncOverrun,omitempty"`
}

// ProjectRole is a set of policies.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ProjectRole struct {
	// Name of the role.
	Name string `json:"name"`
	// Description for people.
	Description string `json:"description,omitempty"`
	// Policies are lines as in policy.csv.
	Policies []string `json:"policies,omitempty"`
	// JWTTokens are the tokens issued for the role.
	JWTTokens []JWTToken `json:"jwtTokens,omitempty"`
	// Groups of people who have the role.
	Groups []string `json:"groups,omitempty"`
}

// JWTToken is the record of a token, not the token.
//
// +kubebuilder:pruning:PreserveUnknownFields
type JWTToken struct {
	// IssuedAt in seconds since 1970.
	IssuedAt int64 `json:"iat"`
	// ExpiresAt in seconds since 1970; 0 never.
	ExpiresAt int64 `json:"exp,omitempty"`
	// ID of the token.
	ID string `json:"id,omitempty"`
}

// SignatureKey is a PGP key.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SignatureKey struct {
	// KeyID in hexadecimal.
	KeyID string `json:"keyID"`
}

// ApplicationDestinationServiceAccount is the account as which syncs to a
// destination act.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationDestinationServiceAccount struct {
	// Server is a glob of API URLs.
	Server string `json:"server"`
	// Namespace is a glob of destination namespaces.
	Namespace string `json:"namespace,omitempty"`
	// DefaultServiceAccount is name or namespace:name.
	DefaultServiceAccount string `json:"defaultServiceAccount"`
}

// SourceIntegrity says which signatures sources must carry.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SourceIntegrity struct {
	// Git holds the rules for Git sources.
	Git *SourceIntegrityGit `json:"git"`
}

// SourceIntegrityGit holds rules for Git sources.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SourceIntegrityGit struct {
	// Policies, of which those that match a repository apply.
	Policies []SourceIntegrityGitPolicy `json:"policies"`
}

// SourceIntegrityGitPolicy is a rule for some Git repositories.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SourceIntegrityGitPolicy struct {
	// Repos to which the rule applies.
	Repos []SourceIntegrityGitPolicyRepo `json:"repos"`
	// GPG says whose signatures are accepted.
	GPG *SourceIntegrityGitPolicyGPG `json:"gpg"`
}

// SourceIntegrityGitPolicyRepo matches repositories.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SourceIntegrityGitPolicyRepo struct {
	// URL is a glob; with a leading ! it denies.
	URL string `json:"url"`
}

// SourceIntegrityGitPolicyGPGMode says how much is verified.
type SourceIntegrityGitPolicyGPGMode string

// The modes: nothing; the revision itself; every commit up to it.
const (
	SourceIntegrityGitPolicyGPGModeNone   SourceIntegrityGitPolicyGPGMode = "none"
	SourceIntegrityGitPolicyGPGModeHead   SourceIntegrityGitPolicyGPGMode = "head"
	SourceIntegrityGitPolicyGPGModeStrict SourceIntegrityGitPolicyGPGMode = "strict"
)

// SourceIntegrityGitPolicyGPG says whose signatures are accepted.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SourceIntegrityGitPolicyGPG struct {
	// Mode is none, head or strict.
	Mode SourceIntegrityGitPolicyGPGMode `json:"mode"`
	// Keys are the ids of accepted keys.
	Keys []string `json:"keys"`
}

// AppProjectStatus records the tokens of roles.
type AppProjectStatus struct {
	// JWTTokensByRole lists the tokens of each role.
	JWTTokensByRole map[string]JWTTokens `json:"jwtTokensByRole,omitempty"`
}

// JWTTokens is a list of token records.
type JWTTokens struct {
	// Items of the list.
	Items []JWTToken `json:"items,omitempty"`
}
