package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/object"
)

// Finding is one thing that is wrong with an object or with what it owns.
type Finding struct {
	// Object is what it was found on: the object itself, a ReplicaSet or Job of it, a pod.
	Object object.ID
	// Reason is the server's one word, such as "ImagePullBackOff".
	Reason string
	// Message is at most 500 characters, without line ends.
	Message string
	// Count is how often, or on how many objects, it was seen.
	Count int
	// Last is when it was last seen; zero if nobody says.
	Last time.Time
}

// stuck are the states of containers and pods in which something has gone wrong already, though health may call them on their way for
// as long as a Deployment's progressDeadlineSeconds, ten minutes by default.
var stuck = []string{
	"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable",
	"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff", "OOMKilled",
	corev1.PodReasonUnschedulable, "FailedCreate",
}

// Stuck says whether a finding tells of something that has gone wrong already, and not of what is only on its way.
func (f Finding) Stuck() bool { return slices.Contains(stuck, f.Reason) }

// Bounds of what is looked at and told.
const (
	ownedShown   = 5   // objects of a kind that are looked into
	listedAtOnce = 250 // objects listed to find those
	eventsShown  = 20  // events of one object
	findingsMost = 20
	messageMost  = 500
)

// Diagnose says what is wrong with an object: the states of its pods' containers, conditions of what it owns, and events of type
// Warning. It follows Deployment, StatefulSet, DaemonSet, ReplicaSet, Job and CronJob to their pods, the latest first. What is
// said twice is counted. States of containers come before events, and later before earlier. Parts that may not be read
// are left out.
func (c *Cluster) Diagnose(ctx context.Context, id object.ID) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	root, err := c.Get(ctx, id)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := diagnosis{Cluster: c}
	if err := d.look(ctx, root, 0); err != nil {
		return nil, fmt.Errorf("looking into %s: %w", id, err)
	}
	return d.findings(), nil
}

type diagnosis struct {
	*Cluster
	states, events []Finding
}

// owned is, for each kind that owns others, the kind to go on to.
func owned(gk schema.GroupKind) (schema.GroupKind, bool) {
	pod := schema.GroupKind{Kind: "Pod"}
	switch gk {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, true
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return schema.GroupKind{Group: "batch", Kind: "Job"}, true
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, schema.GroupKind{Group: "apps", Kind: "StatefulSet"},
		schema.GroupKind{Group: "apps", Kind: "DaemonSet"}, schema.GroupKind{Group: "batch", Kind: "Job"}:
		return pod, true
	}
	return schema.GroupKind{}, false
}

// look gathers from an object and what it owns; no chain of owners is longer than three.
func (d *diagnosis) look(ctx context.Context, u *unstructured.Unstructured, depth int) error {
	gk := u.GroupVersionKind().GroupKind()
	if gk == (schema.GroupKind{Kind: "Pod"}) {
		d.pod(u)
	} else {
		d.conditions(u)
	}
	if err := d.warningsOf(ctx, u); err != nil {
		return err
	}
	next, ok := owned(gk)
	if !ok || depth == 3 {
		return nil
	}
	children, err := d.children(ctx, u, next)
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := d.look(ctx, child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// children are the objects of a kind that u controls: those that are not well first, then the latest, and only a few. Of the
// ReplicaSets of a Deployment only the one in use counts: the others are its past.
func (d *diagnosis) children(ctx context.Context, u *unstructured.Unstructured, gk schema.GroupKind) ([]*unstructured.Unstructured, error) {
	r, err := d.lookup(ctx, gk, "")
	if err != nil {
		return nil, err
	}
	list, err := retried(ctx, callTimeout, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
		return d.objects(r, u.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: selectorOf(u), Limit: listedAtOnce})
	})
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for i := range list.Items {
		if owner := metav1.GetControllerOf(&list.Items[i]); owner != nil && owner.UID == u.GetUID() {
			out = append(out, &list.Items[i])
		}
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(revision(b), revision(a)), cmp.Compare(b.GetCreationTimestamp().Unix(), a.GetCreationTimestamp().Unix()),
			cmp.Compare(a.GetName(), b.GetName()))
	})
	if gk.Kind == "Pod" {
		out = unwellFirst(out)
	}
	most := ownedShown
	if gk.Kind == "ReplicaSet" || gk.Kind == "Job" {
		most = 1
	}
	return out[:min(most, len(out))], nil
}

func unwellFirst(pods []*unstructured.Unstructured) []*unstructured.Unstructured {
	var unwell, well []*unstructured.Unstructured
	for _, p := range pods {
		probe := diagnosis{}
		if probe.pod(p); len(probe.states) > 0 {
			unwell = append(unwell, p)
		} else {
			well = append(well, p)
		}
	}
	return append(unwell, well...)
}

func revision(u *unstructured.Unstructured) int {
	n := 0
	if _, err := fmt.Sscan(u.GetAnnotations()["deployment.kubernetes.io/revision"], &n); err != nil {
		return 0
	}
	return n
}

// selectorOf is the label selector by which u finds what it owns; empty if it has none.
func selectorOf(u *unstructured.Unstructured) string {
	m, found, err := unstructured.NestedMap(u.Object, "spec", "selector")
	if err != nil || !found {
		return ""
	}
	var s metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(m, &s); err != nil {
		return ""
	}
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		return ""
	}
	return selector.String()
}

// conditions notes those that tell of a failure.
func (d *diagnosis) conditions(u *unstructured.Unstructured) {
	list, _, err := unstructured.NestedSlice(u.Object, "status", "conditions")
	if err != nil {
		return
	}
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		text := func(k string) string { s, _ := m[k].(string); return s }
		bad := slices.Contains([]string{"ReplicaFailure", "Failed", "Stalled"}, text("type")) && text("status") == "True" ||
			slices.Contains([]string{"Progressing", "Ready", "Available"}, text("type")) && text("status") == "False" && text("reason") != "MinimumReplicasUnavailable"
		if bad {
			last, err := time.Parse(time.RFC3339, text("lastTransitionTime"))
			if err != nil {
				last = time.Time{}
			}
			d.states = append(d.states, finding(object.IDOf(u), cmp.Or(text("reason"), text("type")), text("message"), last))
		}
	}
}

// pod notes containers that wait in vain or ended badly, and what keeps the pod from being placed.
func (d *diagnosis) pod(u *unstructured.Unstructured) {
	var p corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &p); err != nil {
		return
	}
	id := object.IDOf(u)
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			d.states = append(d.states, finding(id, c.Reason, c.Message, c.LastTransitionTime.Time))
		}
	}
	if p.Status.Phase == corev1.PodFailed && p.Status.Reason != "" {
		d.states = append(d.states, finding(id, p.Status.Reason, p.Status.Message, time.Time{}))
	}
	logs := map[string]bool{}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		logs[c.Name] = c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError
	}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		d.container(id, s, logs[s.Name])
	}
}

// container notes one. Where its last message may be the end of its log, that is left out: logs are for those who may read them.
func (d *diagnosis) container(pod object.ID, s corev1.ContainerStatus, logs bool) {
	if w := s.State.Waiting; w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
		d.states = append(d.states, finding(pod, w.Reason, fmt.Sprintf("container %s: %s", s.Name, cmp.Or(w.Message, w.Reason)), time.Time{}))
	}
	for _, t := range []*corev1.ContainerStateTerminated{s.State.Terminated, s.LastTerminationState.Terminated} {
		if t != nil && (t.ExitCode != 0 || t.Reason == "OOMKilled") {
			message := fmt.Sprintf("container %s ended with exit code %d", s.Name, t.ExitCode)
			if t.Message != "" && !logs {
				message += ": " + t.Message
			}
			d.states = append(d.states, finding(pod, cmp.Or(t.Reason, "Error"), message, t.FinishedAt.Time))
			return
		}
	}
}

// warningsOf notes the events of type Warning about u. Who may not read events does without.
func (d *diagnosis) warningsOf(ctx context.Context, u *unstructured.Unstructured) error {
	r, err := d.lookup(ctx, schema.GroupKind{Kind: "Event"}, "v1")
	if err != nil {
		return err
	}
	namespace := cmp.Or(u.GetNamespace(), metav1.NamespaceDefault)
	list, err := retried(ctx, callTimeout, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
		return d.objects(r, namespace).List(ctx, metav1.ListOptions{Limit: listedAtOnce,
			FieldSelector: "type=Warning,involvedObject.uid=" + string(u.GetUID())})
	})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var found []Finding
	for i := range list.Items {
		var e corev1.Event
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &e); err != nil {
			continue
		}
		f := finding(object.IDOf(u), e.Reason, e.Message, lastSeen(e))
		f.Count = max(1, int(e.Count))
		if e.Series != nil {
			f.Count = max(f.Count, int(e.Series.Count))
		}
		found = append(found, f)
	}
	latestFirst(found)
	d.events = append(d.events, found[:min(eventsShown, len(found))]...)
	return nil
}

func lastSeen(e corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	for _, t := range []time.Time{e.EventTime.Time, e.FirstTimestamp.Time, e.CreationTimestamp.Time} {
		if last.IsZero() {
			last = t
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}

// findings are the states and then the events, each said once.
func (d *diagnosis) findings() []Finding {
	states, events := once(d.states), once(d.events)
	latestFirst(events)
	all := append(states, events...)
	return all[:min(findingsMost, len(all))]
}

// once counts what is said of several objects of one kind in the same words.
func once(all []Finding) []Finding {
	type said struct{ kind, reason, message string }
	index := map[said]int{}
	var out []Finding
	for _, f := range all {
		// The words name the object that they are about; without it two pods say the same.
		key := said{f.Object.Kind, f.Reason, strings.ReplaceAll(f.Message, f.Object.Name, "")}
		i, ok := index[key]
		if !ok {
			index[key] = len(out)
			out = append(out, f)
			continue
		}
		out[i].Count += f.Count
		if f.Last.After(out[i].Last) {
			out[i].Last = f.Last
		}
	}
	return out
}

func latestFirst(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int { return b.Last.Compare(a.Last) })
}

func finding(id object.ID, reason, message string, last time.Time) Finding {
	return Finding{Object: id, Reason: line(reason), Message: line(message), Count: 1, Last: last}
}

// line makes one bounded line of a text that somebody else wrote.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > messageMost {
		s = string(runes[:messageMost-1]) + "…"
	}
	return s
}
