package guard

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/slipway-cd/slipway/engine/object"
)

// removedAPIs finds objects in versions that the destination does not serve, though it serves the kind in others, or that its release of
// Kubernetes no longer has. Nothing of them can be applied.
func removedAPIs(f Facts) []Finding {
	var found []Finding
	for _, o := range f.After.All() {
		if x, ok := removed(f, o); ok && !skipsDryRun(o) {
			found = append(found, x)
		}
	}
	return found
}

func removed(f Facts, o object.Object) (Finding, bool) {
	gvk := o.GroupVersionKind()
	if v, brought := f.Brought.version(gvk); brought {
		x := about(o, RemovedAPIs, "%s: the definition that this change brings does not serve the version %s", o.ID(), gvk.Version)
		x.Hint = useServed(f.Brought.Kinds[gvk.GroupKind()])
		return x, !v.Served
	}
	if f.Serves == nil {
		return byRelease(f, o)
	}
	served := f.Serves(gvk.GroupKind())
	for _, v := range served {
		if v == gvk.Version {
			return Finding{}, false
		}
	}
	if x, ok := byRelease(f, o); ok {
		return x, true
	}
	if len(served) == 0 || len(f.Brought.Kinds[gvk.GroupKind()]) > 0 {
		return Finding{}, false // another guard's, or it comes with the change
	}
	x := about(o, RemovedAPIs, "%s: the destination does not serve %s in the version %s", o.ID(), gvk.Kind, o.GetAPIVersion())
	x.Hint = "use " + schema.GroupVersion{Group: gvk.Group, Version: served[0]}.String()
	return x, true
}

// byRelease tells by what Kubernetes has published.
func byRelease(f Facts, o object.Object) (Finding, bool) {
	gvk := o.GroupVersionKind()
	life, known := lifecycleOf(gvk)
	if !known || !past(gvk, f.Version) {
		return Finding{}, false
	}
	x := about(o, RemovedAPIs, "%s: %s is gone since Kubernetes %s, and the destination has %s", o.ID(), written(gvk), life.removed, release(f.Version))
	x.Hint = use(life)
	return x, true
}

// past says whether a release of Kubernetes no longer has a version of a kind.
func past(gvk schema.GroupVersionKind, of string) bool {
	at, err := version.ParseGeneric(of)
	if err != nil {
		return false
	}
	life, known := lifecycleOf(gvk)
	return known && life.removed != nil && !at.LessThan(life.removed)
}

// deprecatedAPIs finds what the change writes in versions that the destination still serves and a later release will not.
func deprecatedAPIs(f Facts) []Finding {
	var found []Finding
	for _, o := range changed(f) {
		gvk := o.GroupVersionKind()
		if message, hint := deprecated(f, gvk); message != "" {
			x := about(o, DeprecatedAPIs, "%s: %s", o.ID(), message)
			x.Hint = hint
			found = append(found, x)
		}
	}
	return found
}

func deprecated(f Facts, gvk schema.GroupVersionKind) (message, hint string) {
	versions := f.Brought.Kinds[gvk.GroupKind()]
	if versions == nil {
		versions = f.Defined[gvk.GroupKind()]
	}
	for _, v := range versions {
		if v.Name != gvk.Version || !v.Deprecated {
			continue
		}
		if v.Warning != "" {
			return v.Warning, ""
		}
		return "its definition calls the version " + v.Name + " deprecated", useServed(versions)
	}
	at, err := version.ParseGeneric(f.Version)
	life, known := lifecycleOf(gvk)
	if err != nil || !known || life.deprecated == nil || at.LessThan(life.deprecated) || past(gvk, f.Version) {
		return "", ""
	}
	message = fmt.Sprintf("%s is deprecated since Kubernetes %s", written(gvk), life.deprecated)
	if life.removed != nil {
		message += fmt.Sprintf(" and goes with %s", life.removed)
	}
	return message, use(life)
}

func use(l lifecycle) string {
	if l.instead == "" {
		return "nothing takes its place"
	}
	return "use " + l.instead
}

// useServed names the versions of a definition that are not on their way out.
func useServed(versions []DefinedVersion) string {
	var names []string
	for _, v := range versions {
		if v.Served && !v.Deprecated {
			names = append(names, v.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "use " + strings.Join(names, " or ")
}

// release is a version without what distributions add to it.
func release(v string) string {
	parsed, err := version.ParseGeneric(v)
	if err != nil {
		return v
	}
	return fmt.Sprintf("%d.%d", parsed.Major(), parsed.Minor())
}
