package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/object"
)

// LogMost is how many bytes of a log are read at most.
const LogMost = 1 << 20

// LogOptions choose what of a pod's logs is read.
type LogOptions struct {
	// Container of the pod, an init container among them; "" where it has only one.
	Container string
	// Previous is the container before its last restart.
	Previous bool
	// Lines from the end: 500.
	Lines int64
}

// Logs reads the end of a container's log, with the time of each line, at most LogMost bytes. Whether somebody may see it is the
// caller's to know.
func (c *Cluster) Logs(ctx context.Context, namespace, pod string, o LogOptions) ([]byte, error) {
	for _, name := range []string{namespace, pod} {
		if problems := validation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
			return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, pod)
		}
	}
	if o.Lines <= 0 {
		o.Lines = 500
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req := c.discovery.RESTClient().Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log").
		Param("tailLines", strconv.FormatInt(o.Lines, 10)).Param("limitBytes", strconv.Itoa(LogMost)).Param("timestamps", "true").
		Param("previous", strconv.FormatBool(o.Previous))
	if o.Container != "" {
		req = req.Param("container", o.Container)
	}
	stream, err := req.Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the log of pod %s/%s: %w", namespace, pod, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, LogMost))
	if err != nil {
		return nil, fmt.Errorf("reading the log of pod %s/%s: %w", namespace, pod, err)
	}
	return text, nil
}

// Event is what Kubernetes noted about an object.
type Event struct {
	Object  object.ID
	Warning bool
	Reason  string
	Message string // at most 500 characters, without line ends
	Count   int
	Last    time.Time
}

// Events are what was noted lately about objects, by their namespaces and UIDs, the newest first. Namespaces whose events may not be read
// are left out.
func (c *Cluster) Events(ctx context.Context, about map[string]map[types.UID]bool) ([]Event, error) {
	r, err := c.lookup(ctx, schema.GroupKind{Kind: "Event"}, "v1")
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	var out []Event
	var failed error
	for namespace, uids := range about {
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		list, err := retried(ctx, callTimeout, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
			return c.objects(r, namespace).List(ctx, metav1.ListOptions{Limit: eventsListed})
		})
		if apierrors.IsForbidden(err) {
			continue
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("reading events of %s: %w", namespace, err))
			continue
		}
		for i := range list.Items {
			var e corev1.Event
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &e); err == nil && uids[e.InvolvedObject.UID] {
				out = append(out, eventOf(e))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return out, failed
}

// eventsListed is how many events of a namespace are looked at.
const eventsListed = 2000

func eventOf(e corev1.Event) Event {
	gv, err := schema.ParseGroupVersion(e.InvolvedObject.APIVersion)
	if err != nil {
		gv = schema.GroupVersion{}
	}
	f := finding(object.ID{Group: gv.Group, Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}, e.Reason, e.Message, lastSeen(e))
	f.Count = max(1, int(e.Count))
	if e.Series != nil {
		f.Count = max(f.Count, int(e.Series.Count))
	}
	return Event{Object: f.Object, Warning: e.Type == corev1.EventTypeWarning, Reason: f.Reason, Message: f.Message, Count: f.Count, Last: f.Last}
}
