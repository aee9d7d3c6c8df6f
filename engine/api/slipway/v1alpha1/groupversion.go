package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The names by which the API server knows these resources.
const (
	Group   = "slipway.dev"
	Version = "v1alpha1"

	PullRequestKind = "PullRequest"
	RepositoryKind  = "Repository"
	LockKind        = "Lock"
)

// SchemeGroupVersion is slipway.dev/v1alpha1.
var SchemeGroupVersion = schema.GroupVersion{Group: Group, Version: Version}

// AddToScheme makes the types of this package known to a scheme, so that
// clients built on it can read and write them.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion,
		&PullRequest{}, &PullRequestList{},
		&Repository{}, &RepositoryList{},
		&Lock{}, &LockList{},
	)
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
