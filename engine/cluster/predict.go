package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

// answers are those of dry runs, packed, by what they depend on.
type answers struct {
	*recorder
	mu  sync.Mutex
	all map[[sha256.Size]byte]answer
}

// answer is one of them.
type answer struct {
	*record
	at      time.Time
	applied bool // it was to the very apply, so that the server has taken that; others only tell what it would come to
}

// answersKept bounds the memory.
const answersKept = 20_000 // of a kilobyte or two

// acceptedFor is how long the server's word that it would take an object counts: what it goes by besides the object, its policies and
// webhooks, may change.
const acceptedFor = time.Minute

// Predict asks the server, by a dry run, what applying desired would make of live, for compare.Predicted to hold against live: it
// knows the server's defaults and webhooks. The answer is remembered while neither changes. It is nil where a dry run cannot
// tell: then what compare.Drift found stands. The dry run is account's, as whom the object would be applied; empty is our own.
//
// While fields are yet to be taken over from client-side managers, which own the server's defaults as well, a dry run of the apply would
// find none of them to go. Then what the merge leaves after the take-over is tried as a patch, to which the server adds its defaults again.
func (c *Cluster) Predict(ctx context.Context, desired, live *unstructured.Unstructured, account string) (*unstructured.Unstructured, error) {
	pending := false
	if compare.YetToBeTakenOver(live) {
		var err error
		if pending, err = compare.TakeOver(live.DeepCopy(), c.Schema()); err != nil {
			return nil, nil
		}
	}
	actor, err := c.As(account)
	if err != nil {
		return nil, err
	}
	key, err := answerKey(desired, live, account)
	if err != nil {
		return nil, fmt.Errorf("predicting %s: %w", object.IDOf(desired), err)
	}
	if u, _ := c.answers.find(key); u != nil {
		return u, nil
	}
	if pending {
		u := actor.tryTakenOver(ctx, desired, live)
		if u != nil {
			c.answers.keep(key, u, answer{at: time.Now()})
		}
		return u, nil
	}
	began := time.Now()
	applied, err := actor.Apply(ctx, desired, ApplyOptions{DryRun: true})
	if err != nil {
		return nil, err
	}
	c.answers.keep(key, applied.Object, answer{at: began, applied: applied.verb == serverSideApplied && len(applied.Warnings) == 0})
	return applied.Object, nil
}

// recall is the server's answer of late to this very dry run of a server-side apply; nil for none.
func (a *application) recall(desired *unstructured.Unstructured) *unstructured.Unstructured {
	if !a.DryRun || !a.Recalled || a.Replace || a.ClientSide || a.Force || a.SkipValidation || a.Manager != "" || a.wanted.GetName() == "" {
		return nil
	}
	live, ok := a.glimpse(a.resource, a.id())
	if !ok || live == nil || live.GetAPIVersion() != desired.GetAPIVersion() {
		return nil
	}
	key, err := answerKey(desired, live, a.account)
	if err != nil {
		return nil
	}
	u, how := a.answers.find(key)
	if !how.applied || time.Since(how.at) > acceptedFor {
		return nil
	}
	return u
}

// tryTakenOver asks the server what the object would be that applying desired makes of live once all fields are ours. It is nil where that
// cannot be asked: the account may not patch, or live is no longer what it was.
func (c *Cluster) tryTakenOver(ctx context.Context, desired, live *unstructured.Unstructured) *unstructured.Unstructured {
	merged, err := compare.Apply(desired, live, compare.Options{Schema: c.Schema()})
	if err != nil {
		return nil
	}
	fields, _ := health.Impact{Operation: health.Patch, Object: merged}.Patches(live.Object)
	if fields == nil {
		return merged
	}
	data, err := json.Marshal(conditional(fields, live))
	if err != nil {
		return nil
	}
	r, err := c.lookup(ctx, object.IDOf(live).GroupKind(), live.GroupVersionKind().Version)
	if err != nil {
		return nil
	}
	options := metav1.PatchOptions{FieldManager: compare.Manager, DryRun: []string{metav1.DryRunAll}}
	answer, err := c.objects(r, live.GetNamespace()).Patch(ctx, live.GetName(), types.MergePatchType, data, options)
	if err != nil {
		return nil
	}
	answer.SetManagedFields(merged.GetManagedFields()) // whose the fields are after the apply, not after this patch
	return answer
}

// answerKey leaves out of live what changes without changing the answer.
func answerKey(desired, live *unstructured.Unstructured, account string) ([sha256.Size]byte, error) {
	entries := live.GetManagedFields()
	for i := range entries {
		entries[i].Time = nil
	}
	b, err := json.Marshal([]any{desired.Object, content(live), entries, account})
	return sha256.Sum256(b), err
}

// find is an answer and how it was given; nil for none.
func (a *answers) find(key [sha256.Size]byte) (*unstructured.Unstructured, answer) {
	a.mu.Lock()
	o, ok := a.all[key]
	a.mu.Unlock()
	if !ok {
		return nil, answer{}
	}
	u, err := a.unpack(o.record)
	if err != nil {
		return nil, answer{}
	}
	return u, o
}

func (a *answers) keep(key [sha256.Size]byte, u *unstructured.Unstructured, how answer) {
	packed, err := a.pack(u)
	if err != nil {
		return // it will be asked for again
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[[sha256.Size]byte]answer{}
	}
	for old := range a.all {
		if len(a.all) < answersKept {
			break
		}
		delete(a.all, old)
	}
	how.record = &record{packed: packed}
	a.all[key] = how
}
