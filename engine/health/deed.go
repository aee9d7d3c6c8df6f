package health

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// deed is an action that comes with the program.
type deed struct {
	Action
	when   func(subject) bool // nil is always; an object of which it does not hold is not offered the deed
	unless func(subject) bool // nil is never; where it holds the deed is disabled
	asks   func(subject) []Param
	do     func(*work) error
}

func (d deed) offered(s subject) bool { return d.when == nil || d.when(s) }

func (d deed) action(s subject) Action {
	a := d.Action
	a.Disabled = d.unless != nil && d.unless(s)
	if d.asks != nil {
		a.Params = d.asks(s)
	}
	return a
}

// work is one deed on one object, which is a copy.
type work struct {
	object  *unstructured.Unstructured
	params  map[string]string
	now     time.Time
	created *unstructured.Unstructured // an object to create instead of changing the one at hand
}

func (d deed) act(u *unstructured.Unstructured, params map[string]string, now time.Time) ([]Impact, error) {
	w := &work{object: u.DeepCopy(), params: params, now: now.UTC()}
	if err := d.do(w); err != nil {
		return nil, err
	}
	if w.created != nil {
		return []Impact{{Create, w.created}}, nil
	}
	return []Impact{{Patch, w.object}}, nil
}

// set makes what is missing on the way; what is something else than an object there is an error.
func (w *work) set(v any, path ...string) error {
	m := w.object.Object
	for i, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok && m[key] != nil {
			return fmt.Errorf(".%s is no object", strings.Join(path[:i+1], "."))
		}
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[path[len(path)-1]] = v
	return nil
}

func (w *work) remove(path ...string) { unstructured.RemoveNestedField(w.object.Object, path...) }

func (w *work) stamp() string { return w.now.Format(time.RFC3339) }

func (w *work) annotate(key, value string) error {
	return w.set(value, "metadata", "annotations", key)
}

// Deeds that several kinds have.

const (
	iconPause  = "fa fa-fw fa-pause-circle"
	iconPlay   = "fa fa-fw fa-play-circle"
	iconStart  = "fa fa-fw fa-play"
	iconHold   = "fa fa-fw fa-pause"
	iconRedo   = "fa fa-fw fa-redo"
	iconPlus   = "fa fa-fw fa-plus"
	iconScale  = "fa fa-fw fa-plus-circle"
	iconStop   = "fa fa-fw fa-stop"
	iconSolid  = "fa-solid fa-fw fa-"
	restarted  = "kubectl.kubernetes.io/restartedAt"
	fluxAsks   = "reconcile.fluxcd.io/requestedAt"
	forceSync  = "force-sync"
	loopOfCNPG = "cnpg.io/reconciliationLoop"
)

// setting is a deed that gives a field a value.
func setting(name, icon string, v any, path ...string) deed {
	return deed{Action: Action{Name: name, Icon: icon}, do: func(w *work) error { return w.set(v, path...) }}
}

// annotating is a deed that gives an annotation a value; value is called when it is done.
func annotating(name, icon, key string, value func(*work) string) deed {
	return deed{Action: Action{Name: name, Icon: icon}, do: func(w *work) error { return w.annotate(key, value(w)) }}
}

func always(text string) func(*work) string { return func(*work) string { return text } }

func (d deed) called(displayName string) deed            { d.DisplayName = displayName; return d }
func (d deed) onlyIf(when func(subject) bool) deed       { d.when = when; return d }
func (d deed) disabledIf(unless func(subject) bool) deed { d.unless = unless; return d }

// holds is a question of a field, not of one.
func holds(path ...string) func(subject) bool {
	return func(s subject) bool { return s.at(path) == true }
}

func not(of func(subject) bool) func(subject) bool {
	return func(s subject) bool { return !of(s) }
}

// restart changes the pods' template, so that they are made anew.
func restart() deed {
	return deed{Action: Action{Name: "restart", Icon: iconRedo}, do: func(w *work) error {
		return w.set(w.stamp(), "spec", "template", "metadata", "annotations", restarted)
	}}
}

func scale() deed {
	return deed{Action: Action{Name: "scale", Icon: iconScale}, asks: func(s subject) []Param {
		return []Param{{Name: "replicas", Default: s.text("spec", "replicas")}}
	}, do: func(w *work) error {
		n, err := w.count("replicas")
		if err != nil {
			return err
		}
		return w.set(n, "spec", "replicas")
	}}
}

// count reads a parameter that is a number of replicas.
func (w *work) count(name string) (int64, error) {
	n, err := strconv.ParseInt(w.params[name], 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("invalid number: %s", w.params[name])
	}
	return n, nil
}

// suspension is a pair of deeds on a field that holds an object up. A pair that is shown both ways disables the one that makes no sense;
// one that is not shows only the other.
func suspension(both bool, icons [2]string, path ...string) []deed {
	held := holds(path...)
	suspend := setting("suspend", icons[0], true, path...)
	resume := setting("resume", icons[1], false, path...)
	if both {
		return []deed{suspend.disabledIf(held), resume.disabledIf(not(held))}
	}
	return []deed{suspend.onlyIf(not(held)), resume.onlyIf(held)}
}

func deedsOf(kind schema.GroupKind) []deed {
	switch kind.Group {
	case "apps":
		return workloadDeeds(kind.Kind)
	case "batch":
		return batchDeeds(kind.Kind)
	case "argoproj.io":
		return argoDeeds(kind.Kind)
	case "numaflow.numaproj.io", "numaplane.numaproj.io":
		return numaDeeds(kind.Kind)
	case "helm.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io", "image.toolkit.fluxcd.io", "notification.toolkit.fluxcd.io":
		return fluxDeeds(kind.Kind)
	case "keda.sh":
		return kedaDeeds(kind.Kind)
	}
	return otherDeeds(kind)
}

func workloadDeeds(kind string) []deed {
	switch kind {
	case "Deployment":
		paused := holds("spec", "paused")
		resume := deed{Action: Action{Name: "resume", Icon: iconPlay}, do: func(w *work) error { w.remove("spec", "paused"); return nil }}
		return []deed{restart(), scale(), setting("pause", iconPause, true, "spec", "paused").disabledIf(paused), resume.disabledIf(not(paused))}
	case "StatefulSet":
		return []deed{restart(), scale()}
	case "DaemonSet":
		return []deed{restart()}
	}
	return nil
}

// fluxDeeds are those of all kinds of Flux; alerts and providers have nothing to reconcile.
func fluxDeeds(kind string) []deed {
	deeds := suspension(true, [2]string{}, "spec", "suspend")
	if slices.Contains([]string{"Alert", "Provider"}, kind) {
		return deeds
	}
	reconcile := annotating("reconcile", "", fluxAsks, func(w *work) string { return "By Slipway at: " + w.stamp() })
	if kind == "ImagePolicy" {
		return []deed{reconcile}
	}
	return append(deeds, reconcile.disabledIf(holds("spec", "suspend")))
}

func kedaDeeds(kind string) []deed {
	const paused, pausedAt = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"
	held := func(s subject) bool { return s.text("metadata", "annotations", paused) == "true" }
	stopped := func(s subject) bool { return held(s) || s.at([]string{"metadata", "annotations", pausedAt}) != nil }
	resume := deed{Action: Action{Name: "resume", Icon: iconPlay}, do: func(w *work) error {
		w.remove("metadata", "annotations", paused)
		w.remove("metadata", "annotations", pausedAt)
		return nil
	}}
	pause := annotating("pause", iconPause, paused, always("true")).disabledIf(stopped)
	switch kind {
	case "ScaledJob":
		return []deed{pause, resume.disabledIf(not(stopped))}
	case "ScaledObject":
		at := deed{Action: Action{Name: "paused-replicas", Icon: iconPause}, unless: held, asks: func(s subject) []Param {
			p := Param{Name: "replicas", Default: s.text("metadata", "annotations", pausedAt)}
			if p.Default == "" {
				p.Default = "0"
			}
			return []Param{p}
		}, do: func(w *work) error {
			n, err := w.count("replicas")
			if err != nil {
				return fmt.Errorf("%w (must be >= 0)", err)
			}
			return w.annotate(pausedAt, strconv.FormatInt(n, 10))
		}}
		return []deed{pause, at, resume.disabledIf(not(stopped))}
	}
	return nil
}
