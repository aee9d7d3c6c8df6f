package compare

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

const (
	// TrackingAnnotation says which application an object belongs to: "app:group/kind:namespace/name".
	TrackingAnnotation = "argocd.argoproj.io/tracking-id"
	// InstallationAnnotation tells installations that share a cluster apart.
	InstallationAnnotation = "argocd.argoproj.io/installation-id"
	// InstanceLabel is the label of label tracking where argocd-cm names no other.
	InstanceLabel = "app.kubernetes.io/instance"

	labelLimit = 63
)

// Method is how objects are marked as an application's own, in the words of argocd-cm.
type Method string

const (
	MethodAnnotation Method = "annotation"
	MethodLabel      Method = "label"
	MethodBoth       Method = "annotation+label"
)

// Tracking is how an installation marks its objects. Its zero value is Argo CD's default, the annotation.
type Tracking struct {
	Method         Method
	Label          string // InstanceLabel if empty
	InstallationID string
}

// Track marks u, in place, as an object of app. namespace is the destination's; it stands in the mark of an object without a
// namespace of its own. CustomResourceDefinitions are left alone: they belong to no one application.
func (t Tracking) Track(u *unstructured.Unstructured, app, namespace string) {
	id := object.IDOf(u)
	if id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition" {
		return
	}
	if id.Namespace == "" {
		id.Namespace = namespace
	}
	if t.Method != MethodLabel {
		annotate(u, TrackingAnnotation, app+":"+id.Group+"/"+id.Kind+":"+id.Namespace+"/"+id.Name)
	}
	if t.Method == MethodLabel || t.Method == MethodBoth {
		value := app
		if t.Method == MethodBoth {
			value = shortLabel(app)
		}
		labels := u.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[t.label()] = value
		u.SetLabels(labels)
	}
	if t.InstallationID != "" {
		annotate(u, InstallationAnnotation, t.InstallationID)
	}
}

// TrackedBy is the application whose mark u carries. A mark that speaks of another object, as a copy of an object has it, is none.
func (t Tracking) TrackedBy(u *unstructured.Unstructured) (app string, ok bool) {
	annotations := u.GetAnnotations()
	if t.InstallationID != "" && annotations[InstallationAnnotation] != t.InstallationID {
		return "", false
	}
	if t.Method == MethodLabel {
		app = u.GetLabels()[t.label()]
		return app, app != ""
	}
	app, marked, ok := parseMark(annotations[TrackingAnnotation])
	if !ok {
		return "", false
	}
	id := object.IDOf(u)
	if id.Namespace == "" {
		marked.Namespace = "" // a cluster-scoped object's mark names the destination's namespace
	}
	return app, marked == id
}

// Track marks u by annotation, Argo CD's default way.
func Track(u *unstructured.Unstructured, app, namespace string) {
	Tracking{}.Track(u, app, namespace)
}

// TrackedBy reads the mark of the default way.
func TrackedBy(u *unstructured.Unstructured) (app string, ok bool) {
	return Tracking{}.TrackedBy(u)
}

func (t Tracking) label() string {
	if t.Label == "" {
		return InstanceLabel
	}
	return t.Label
}

// parseMark takes "app:group/kind:namespace/name" apart. Names of RBAC objects hold colons, so only the first two divide.
func parseMark(mark string) (app string, id object.ID, ok bool) {
	parts := strings.SplitN(mark, ":", 3)
	if len(parts) != 3 || parts[0] == "" {
		return "", object.ID{}, false
	}
	group, kind, okKind := strings.Cut(parts[1], "/")
	namespace, name, okName := strings.Cut(parts[2], "/")
	return parts[0], object.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}, okKind && okName
}

func annotate(u *unstructured.Unstructured, key, value string) {
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	u.SetAnnotations(annotations)
}

// shortLabel cuts a name to what a label may hold and to a letter or digit at its end.
func shortLabel(name string) string {
	if len(name) > labelLimit {
		name = name[:labelLimit]
	}
	return strings.TrimRightFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
}
