// Package v1alpha1 holds the resources of the group argoproj.io: Application,
// AppProject and ApplicationSet, with every field that Argo CD's own accept, so
// that a team's manifests work unchanged.
//
// It stands at the head of the river and imports nothing of ours: everything
// else reads these types, nothing here reads anything. Fields that this package
// does not know survive under spec, because the custom resource definitions
// preserve them and because we only ever write merge patches of the fields that
// we own; never send a whole Application back to the API server.
//
// +kubebuilder:object:generate=true
// +groupName=argoproj.io
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object paths=.
