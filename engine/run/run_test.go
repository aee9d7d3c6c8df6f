package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/sync"
)

// notebook is a cluster of func fields: it notes what is done, and answers what it is told.
type notebook struct {
	mu     stdsync.Mutex
	lines  []string
	answer func(line string, time int) error
	times  map[string]int
}

func (n *notebook) note(format string, args ...any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	n.lines = append(n.lines, line)
	if n.times == nil {
		n.times = map[string]int{}
	}
	n.times[line]++
	if n.answer == nil {
		return nil
	}
	return n.answer(line, n.times[line])
}

func (n *notebook) Apply(_ context.Context, u *unstructured.Unstructured, o ApplyOptions) (*unstructured.Unstructured, string, error) {
	err := n.note("apply %s dry=%v", u.GetName(), o.DryRun)
	return u, "applied", err
}

func (n *notebook) Delete(_ context.Context, id object.ID, uid types.UID, propagation string) error {
	return n.note("delete %s %s %s", id.Name, uid, propagation)
}

func (n *notebook) Get(_ context.Context, id object.ID) (*unstructured.Unstructured, error) {
	return nil, n.note("get %s", id.Name)
}

func (n *notebook) RemoveFinalizer(_ context.Context, id object.ID, uid types.UID, _ string) error {
	return n.note("release %s %s", id.Name, uid)
}

func apply(name string) sync.Action {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetName(name)
	return sync.Action{Verb: sync.Apply, ID: object.ID{Kind: "ConfigMap", Name: name}, Object: u}
}

func remove(verb sync.Verb, name string) sync.Action {
	return sync.Action{Verb: verb, ID: object.ID{Kind: "ConfigMap", Name: name}, UID: "u1", Propagation: "foreground"}
}

func runner() *Runner { return New(Options{Pause: time.Microsecond, Parallel: 1}) }

func steps(groups ...[]sync.Action) *sync.Step { return &sync.Step{Groups: groups} }

var errRefused = apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "b", errors.New("no"))

func TestOrder(t *testing.T) {
	n := &notebook{}
	outcomes, err := runner().Do(t.Context(), n, steps(
		[]sync.Action{remove(sync.Prune, "old")}, []sync.Action{remove(sync.Remove, "hook")}, []sync.Action{apply("a"), apply("b")}, []sync.Action{remove(sync.Release, "c")}))
	want := []string{"delete old u1 foreground", "delete hook u1 foreground", "release hook u1", "apply a dry=false", "apply b dry=false", "release c u1", "get c"}
	if diff := cmp.Diff(want, n.lines); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if len(outcomes) != 5 || outcomes[0].Message != "pruned" || outcomes[2].Message != "applied" {
		t.Errorf("outcomes %+v", outcomes)
	}
}

func TestARefusedApplyDoesNotStopOthers(t *testing.T) {
	n := &notebook{answer: func(line string, _ int) error {
		if line == "apply a dry=false" {
			return fmt.Errorf("applying: %w", errRefused)
		}
		return nil
	}}
	outcomes, err := runner().Do(t.Context(), n, steps([]sync.Action{apply("a"), apply("b")}, []sync.Action{apply("c")}))
	if err != nil || len(outcomes) != 3 {
		t.Fatal(outcomes, err)
	}
	if o := outcomes[0]; !o.Failed || !strings.Contains(o.Message, errRefused.Error()) || outcomes[1].Failed || outcomes[2].Failed {
		t.Errorf("%+v", outcomes)
	}
}

func TestAFailedPruneStopsTheStep(t *testing.T) {
	n := &notebook{answer: func(line string, _ int) error {
		if line == "delete old u1 foreground" {
			return errRefused
		}
		return nil
	}}
	outcomes, err := runner().Do(t.Context(), n, steps([]sync.Action{remove(sync.Prune, "old"), remove(sync.Prune, "other")}, []sync.Action{apply("a")}))
	if err != nil || len(outcomes) != 2 || !outcomes[0].Failed || outcomes[1].Failed {
		t.Error(outcomes, err)
	}
}

func TestWhatIsGoneIsPruned(t *testing.T) {
	n := &notebook{answer: func(string, int) error { return apierrors.NewNotFound(schema.GroupResource{}, "old") }}
	outcomes, err := runner().Do(t.Context(), n, steps([]sync.Action{remove(sync.Prune, "old"), remove(sync.Remove, "hook"), remove(sync.Release, "hook")}))
	if err != nil || len(outcomes) != 3 || outcomes[0].Failed || outcomes[1].Failed {
		t.Error(outcomes, err)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	n := &notebook{answer: func(_ string, time int) error {
		if time < 3 {
			return apierrors.NewTooManyRequests("later", 0)
		}
		return nil
	}}
	outcomes, err := runner().Do(t.Context(), n, steps([]sync.Action{apply("a")}))
	if err != nil || len(outcomes) != 1 || outcomes[0].Failed || len(n.lines) != 3 {
		t.Error(outcomes, err, n.lines)
	}
	n = &notebook{answer: func(string, int) error { return apierrors.NewTooManyRequests("later", 0) }}
	if outcomes, err = runner().Do(t.Context(), n, steps([]sync.Action{apply("a")})); err != nil || !outcomes[0].Failed || len(n.lines) != 4 {
		t.Error(outcomes, err, n.lines)
	}
}

func TestDryRunIsPassedOn(t *testing.T) {
	n := &notebook{}
	s := steps([]sync.Action{apply("a")})
	s.DryRun = true
	outcomes, err := runner().Do(t.Context(), n, s)
	if err != nil || n.lines[0] != "apply a dry=true" || outcomes[0].Live != nil {
		t.Error(n.lines, outcomes, err)
	}
}

func TestTheEndOfTheContextIsNoOutcome(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := &notebook{answer: func(line string, _ int) error {
		if line == "apply b dry=false" {
			cancel()
			return ctx.Err()
		}
		return nil
	}}
	outcomes, err := runner().Do(ctx, n, steps([]sync.Action{apply("a"), apply("b"), apply("c")}, []sync.Action{apply("d")}))
	if !errors.Is(err, context.Canceled) || len(outcomes) != 1 || outcomes[0].Action.ID.Name != "a" || len(n.lines) != 2 {
		t.Error(outcomes, err, n.lines)
	}
}

func TestHooksThatCannotBeLetGoAreAnError(t *testing.T) {
	n := &notebook{answer: func(string, int) error { return errRefused }}
	if _, err := runner().Do(t.Context(), n, steps([]sync.Action{remove(sync.Release, "hook")})); !apierrors.IsForbidden(err) {
		t.Error(err)
	}
	s := steps([]sync.Action{remove(sync.Remove, "hook")})
	if _, err := runner().Do(t.Context(), n, s); !apierrors.IsForbidden(err) {
		t.Error(err)
	}
	s.Cleanup = true
	if outcomes, err := runner().Do(t.Context(), n, s); err != nil || !outcomes[0].Failed {
		t.Error(outcomes, err)
	}
}
