// Package sync computes how a cluster is brought to what an application wants: phases, waves, hooks and pruning, one Step at a
// time.
//
// It stands between what was gathered (rendered objects, live objects, what the operation has recorded) and package run, which
// carries Steps out. It is level-based: Next is a function of the present state alone, so a controller that was killed anywhere
// computes the same remaining steps when it comes back. Phases, orders and messages are Argo CD's.
package sync

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// Input is all that is known when the next step is to be decided.
type Input struct {
	// Desired are the objects wanted, hooks among them, with namespaces and tracking marks.
	Desired *object.Set
	// Live are objects as they are: those wanted, those that the application tracks (its hooks too) and those of Wanted.
	Live map[object.ID]*unstructured.Unstructured
	// Prunable are live objects that the application tracks and no longer wants. Nothing else is ever pruned.
	Prunable []object.ID
	// OutOfSync, where not nil, holds the objects that differ; with the option ApplyOutOfSyncOnly only those are applied.
	OutOfSync map[object.ID]bool
	// Namespace is the destination's.
	Namespace string

	// Options are the operation's sync options.
	Options argo.SyncOptions
	// Ignore are the rules for fields that comparisons leave out, the installation's and the application's; RespectIgnoreDifferences=true
	// keeps them as they live. Schema is the cluster's, by which rules about managers are followed; nil if none is known.
	Ignore []argo.ResourceIgnoreDifferences
	Schema compare.Schema
	// Managed is put on the namespace that CreateNamespace=true makes.
	Managed *argo.ManagedNamespaceMetadata
	// CreatedFor, if not "", is written on that namespace when it is made: whose preview it is for.
	CreatedFor string
	// Fences are put up in the namespace; with a FenceProblem nothing is applied.
	Fences       []*unstructured.Unstructured
	FenceProblem string
	// Operation is what was asked for.
	Operation argo.SyncOperation
	// HooksInSelection runs hooks although the operation is limited to some resources.
	HooksInSelection bool
	// Revision names generated objects; its first 7 characters are used.
	Revision string

	// Done is what the operation's present attempt has recorded.
	Done []argo.ResourceResult
	// StartedAt is when the operation began, to the second; Attempt counts retries. Together they tell this run's hook objects from
	// those of others.
	StartedAt time.Time
	Attempt   int64
	// Approved is when a person last approved deletions; deletions to confirm need it at or after StartedAt.
	Approved time.Time
	// Terminate asks for the end of the operation.
	Terminate bool
	// Tried says what this process has tried in vain or with success and need not try again.
	Tried Tried

	// Now is the time of the decision and Since that of the last progress.
	Now, Since time.Time
	// WaveTimeout ends a wait for health between waves; 0 waits for ever. Hooks have deadlines of their own and are not timed.
	WaveTimeout time.Duration
	// WaveDelay is the least time between two waves, in which other controllers notice what was applied.
	WaveDelay time.Duration

	// Served says whether a kind is served, and whether its objects live in namespaces. Nil takes all kinds as served.
	Served func(schema.GroupKind) (namespaced, known bool)
	// Permits says why the project does not permit an object, or "". Nil permits all.
	Permits func(id object.ID, namespaced bool) string
	// Health is that of a live object; nil for kinds that have none. A nil func knows of no kind that has.
	Health func(*unstructured.Unstructured) *argo.HealthStatus
}

// Tried is what a process remembers between decisions of one operation. Forgetting it costs a repetition and nothing else.
type Tried struct {
	// DryRun says that every object was accepted by a dry run.
	DryRun bool
	// Cleanup says that hooks could not be deleted; the operation ends without.
	Cleanup bool
}

// Plan is a decision. Results and Phase are to be recorded before Step is carried out.
type Plan struct {
	Phase   argo.OperationPhase
	Message string
	// Results is Input.Done brought up to date with what was seen.
	Results []argo.ResourceResult
	// Step is what to do now; nil while waiting and at the end.
	Step *Step
	// Again, if not 0, is how long until time alone can change the decision.
	Again time.Duration
}

// Step is a set of actions of one phase and wave. Groups are carried out one after another, the actions of a group together.
// A group of deletions that fails ends the step; a group of applies that fails does not.
type Step struct {
	Phase argo.SyncPhase
	Wave  int64
	// DryRun changes nothing in the cluster.
	DryRun bool
	// Record asks for a dry run's answers to be recorded, since the operation is a dry run.
	Record bool
	// Cleanup marks deletions of hooks at the end, without which the operation can end too.
	Cleanup bool
	Groups  [][]Action
}

// Verb is what an action does.
type Verb string

const (
	// Apply brings Object to the cluster.
	Apply Verb = "apply"
	// Prune deletes an object that is no longer wanted.
	Prune Verb = "prune"
	// Remove deletes a hook's object, with our finalizer on it.
	Remove Verb = "remove"
	// Release takes our finalizer off a hook's object.
	Release Verb = "release"
)

// Action is one thing to do to one object.
type Action struct {
	Verb Verb
	ID   object.ID
	// Version is the API version of the object's group.
	Version string
	// Object is what to apply; nil for other verbs.
	Object *unstructured.Unstructured
	// UID, for deletions and releases, is the object that was seen: another of the same name is left alone.
	UID types.UID
	// Propagation, for Prune and Remove, is foreground, background or orphan.
	Propagation string
	Apply       ApplyOptions

	Phase argo.SyncPhase
	Hook  argo.HookType // "" for objects that are no hooks
	// Wave is the wave that an object to be pruned was first planned for.
	Wave int64
}

// ApplyOptions says how an object is applied. The zero value is client-side, validated, in place.
type ApplyOptions struct {
	// ServerSide applies on the server.
	ServerSide bool
	// Replace puts the object in the place of the live one, whoever owns its fields.
	Replace bool
	// Force deletes and creates what cannot be changed in place.
	Force bool
	// SkipValidation leaves out the check for unknown fields.
	SkipValidation bool
	// KeepManagers leaves fields with the managers of earlier client-side applies.
	KeepManagers bool
}

// Outcome is what came of an action.
type Outcome struct {
	Action Action
	// Failed says that it did not work; Message is the answer of the API server, or the reason.
	Failed  bool
	Message string
	// Live is the object afterwards; nil after a deletion or a failure.
	Live *unstructured.Unstructured
}

// Next decides. It is a pure function of its input.
func Next(in Input) Plan {
	d := decide(in)
	for _, rule := range rules {
		if plan, decided := rule(d); decided {
			return d.finish(plan)
		}
	}
	return d.finish(Plan{Phase: argo.OperationSucceeded, Message: messageNoMore})
}

// finish completes a plan: with the results, and as terminating while it is.
func (d *decision) finish(p Plan) Plan {
	if d.Terminate && p.Phase == argo.OperationRunning {
		p.Phase = argo.OperationTerminating
	}
	p.Results = d.results()
	if p.Phase.Completed() {
		// What was planned and never begun is no result.
		p.Results = slices.DeleteFunc(p.Results, func(r argo.ResourceResult) bool {
			return r.Status == "" && strings.HasPrefix(r.Message, plannedPrefix)
		})
	}
	return p
}

// Wanted are identities that a sync looks at beside those of the desired set and those tracked.
func Wanted(options argo.SyncOptions, namespace string) []object.ID {
	if namespace == "" || !options.Has("CreateNamespace=true") {
		return nil
	}
	return []object.ID{{Kind: "Namespace", Name: namespace}}
}
