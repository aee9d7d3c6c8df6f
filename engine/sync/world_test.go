package sync

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster made of values: what is applied becomes well at the next tick, what is deleted is gone by then.
type world struct {
	live    map[object.ID]*unstructured.Unstructured
	uid     int
	trace   []Action
	created map[string]int // how often an object was created for one run of a hook
	refuse  map[object.ID]string
}

func newWorld(objects ...*unstructured.Unstructured) *world {
	w := &world{live: map[object.ID]*unstructured.Unstructured{}, created: map[string]int{}, refuse: map[object.ID]string{}}
	for _, o := range objects {
		w.put(o.DeepCopy())
	}
	return w
}

func (w *world) put(u *unstructured.Unstructured) {
	w.uid++
	u.SetUID(types.UID(fmt.Sprint(w.uid)))
	w.live[object.IDOf(u)] = u
}

// do carries out up to budget actions of a step; whole is false if the process died on the way.
func (w *world) do(s *Step, budget *int) (outcomes []Outcome, whole bool) {
	for _, group := range s.Groups {
		for _, a := range group {
			if *budget <= 0 {
				return outcomes, false
			}
			*budget--
			o := Outcome{Action: a}
			if reason := w.refuse[a.ID]; reason != "" && a.Verb == Apply {
				o.Failed, o.Message = true, reason
			} else if !s.DryRun {
				w.trace = append(w.trace, a)
				w.act(a)
				o.Live = w.live[a.ID]
			}
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, true
}

func (w *world) act(a Action) {
	old := w.live[a.ID]
	if a.Verb != Apply && (old == nil || old.GetUID() != a.UID) {
		return // another object of the same name
	}
	switch a.Verb {
	case Apply:
		u := a.Object.DeepCopy()
		if old != nil {
			if status, ok := old.Object["status"]; ok {
				u.Object["status"] = status
			}
			u.SetUID(old.GetUID())
			w.live[a.ID] = u
			return
		}
		if a.Hook != "" {
			w.created[fmt.Sprint(a.ID, markOf(u))]++
		}
		if hasHealth(a.ID.Kind) {
			u.Object["status"] = map[string]any{"health": "Progressing"}
		}
		w.put(u)
	case Prune:
		w.remove(old)
	case Remove:
		w.unhold(old)
		w.remove(old)
	case Release:
		w.unhold(old)
	}
}

func (w *world) remove(u *unstructured.Unstructured) {
	u = u.DeepCopy()
	now := metav1.NewTime(start)
	u.SetDeletionTimestamp(&now)
	w.live[object.IDOf(u)] = u
}

func (w *world) unhold(u *unstructured.Unstructured) {
	u.SetFinalizers(slices.DeleteFunc(u.GetFinalizers(), func(f string) bool { return f == HookFinalizer }))
}

// tick lets the cluster's controllers work.
func (w *world) tick() {
	for id, u := range w.live {
		switch {
		case u.GetDeletionTimestamp() != nil && len(u.GetFinalizers()) == 0:
			delete(w.live, id)
		case u.Object["status"] != nil && u.GetAnnotations()["test/end"] != "":
			u.Object["status"] = map[string]any{"health": u.GetAnnotations()["test/end"]}
		case u.Object["status"] != nil:
			u.Object["status"] = map[string]any{"health": "Healthy"}
		}
	}
}

func hasHealth(kind string) bool { return kind == "Deployment" || kind == "Job" }

func healthOf(u *unstructured.Unstructured) *argo.HealthStatus {
	h, ok, _ := unstructured.NestedString(u.Object, "status", "health")
	if !ok {
		return nil
	}
	return &argo.HealthStatus{Status: argo.HealthStatusCode(h), Message: "is " + h}
}

// drive runs an operation until it ends, waits without an end, or dies after budget actions. What it returns is what was persisted.
func (w *world) drive(t *testing.T, in Input, budget int) (Plan, []argo.ResourceResult) {
	t.Helper()
	idle := 0
	for range 400 {
		in.Live = maps.Clone(w.live)
		plan := Next(in)
		in.Done = plan.Results
		switch {
		case plan.Phase.Completed():
			return plan, in.Done
		case plan.Step == nil:
			if idle++; idle > 5 {
				return plan, in.Done
			}
			w.tick()
			continue
		}
		idle = 0
		outcomes, whole := w.do(plan.Step, &budget)
		if !whole {
			return Plan{Phase: "dead"}, plan.Results
		}
		in.Tried.DryRun = in.Tried.DryRun || plan.Step.DryRun
		in.Done = Record(plan.Results, plan.Step, outcomes)
	}
	t.Fatal("the operation goes round in circles")
	return Plan{}, nil
}

const forever = 1 << 30

// thing makes an object: "apps/Deployment web", with annotations as key, value pairs.
func thing(group, kind, name string, annotations ...string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	version := "v1"
	if group != "" {
		version = group + "/v1"
	}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetName(name)
	u.SetNamespace("shop")
	a := map[string]string{}
	for i := 0; i+1 < len(annotations); i += 2 {
		a[annotations[i]] = annotations[i+1]
	}
	if len(a) > 0 {
		u.SetAnnotations(a)
	}
	return u
}

func config(name string, annotations ...string) *unstructured.Unstructured {
	return thing("", "ConfigMap", name, annotations...)
}

func deployment(name string, annotations ...string) *unstructured.Unstructured {
	return thing("apps", "Deployment", name, annotations...)
}

func job(name string, annotations ...string) *unstructured.Unstructured {
	return thing("batch", "Job", name, annotations...)
}

func wave(n string, more ...string) []string { return append([]string{WaveAnnotation, n}, more...) }

func hook(types string, more ...string) []string {
	return append([]string{HookAnnotation, types}, more...)
}

func set(objects ...*unstructured.Unstructured) *object.Set {
	s := object.NewSet()
	for _, u := range objects {
		s.Add(object.Object{Unstructured: u})
	}
	return s
}

func ids(objects ...*unstructured.Unstructured) []object.ID {
	var all []object.ID
	for _, u := range objects {
		all = append(all, object.IDOf(u))
	}
	return all
}

func input(desired *object.Set, prunable ...object.ID) Input {
	return Input{Desired: desired, Prunable: prunable, StartedAt: start, Health: healthOf, Revision: "0123456789abcdef", Namespace: "shop"}
}

// story is the trace in short: "PreSync/0 apply Job migrate".
func (w *world) story() []string {
	var lines []string
	for _, a := range w.trace {
		if a.Verb != Release {
			lines = append(lines, fmt.Sprintf("%s/%d %s %s %s", a.Phase, a.Wave, a.Verb, a.ID.Kind, a.ID.Name))
		}
	}
	return lines
}
