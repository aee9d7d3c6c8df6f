// Package v1alpha1 holds the resources of the group slipway.dev: PullRequest,
// Repository and Lock.
//
// They are the bot's whole memory. A delivery from a forge becomes a
// PullRequest (or a Repository, if it names no number) before it is answered,
// and the reconciler keeps in its status what must outlive a restart: what was
// reported, which commands are pending or done, how far comments were read.
// What can be computed again from hashes is not kept here.
//
// The package stands at the head of the river and imports nothing of ours. Its
// functions are pure.
//
// +kubebuilder:object:generate=true
// +groupName=slipway.dev
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object paths=.
