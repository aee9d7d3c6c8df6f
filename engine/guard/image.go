package guard

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/object"
)

// ImageUse is an image and one of the objects that would run it.
type ImageUse struct {
	Reference string
	Place     object.Place
	ID        object.ID
}

// NewImages are the images that the change brings: those of the merge that the base does not have, each once, in the order of their names.
func NewImages(f Facts) []ImageUse {
	known := map[string]bool{}
	for _, o := range f.Before.All() {
		for _, ref := range images(o.Object) {
			known[ref] = true
		}
	}
	found := map[string]ImageUse{}
	for _, o := range changed(f) {
		for _, ref := range images(o.Object) {
			if _, have := found[ref]; !known[ref] && !have {
				found[ref] = ImageUse{ref, o.Place, o.ID()}
			}
		}
	}
	var all []ImageUse
	for _, ref := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[ref])
	}
	return all
}

// images are those of an object that is a pod, or has a template of pods where workloads have it.
func images(o map[string]any) []string {
	spec, _ := o["spec"].(map[string]any)
	var all []string
	for _, pod := range []map[string]any{spec, inside(spec, "template", "spec"), inside(spec, "jobTemplate", "spec", "template", "spec")} {
		for _, list := range []string{"initContainers", "containers"} {
			for _, c := range items(pod[list]) {
				all = appendImage(all, c["image"])
			}
		}
		for _, v := range items(pod["volumes"]) {
			all = appendImage(all, inside(v, "image")["reference"])
		}
	}
	return all
}

// inside goes down through mappings; nil where there is none.
func inside(m map[string]any, path ...string) map[string]any {
	for _, name := range path {
		m, _ = m[name].(map[string]any)
	}
	return m
}

func items(list any) []map[string]any {
	all, _ := list.([]any)
	var out []map[string]any
	for _, x := range all {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func appendImage(all []string, image any) []string {
	if ref, ok := image.(string); ok && ref != "" && !strings.ContainsAny(ref, "{}$ ") { // what an operator fills in is no reference yet
		return append(all, ref)
	}
	return all
}

// ImageAnswer is what a registry says of an image.
type ImageAnswer struct {
	ImageUse
	// Missing is set where the registry says that it has no such image.
	Missing bool
	// Untold says why it could not be told; empty where it could.
	Untold string
}

// Imaged makes findings of what registries say. What cannot be told is no finding.
func Imaged(answers []ImageAnswer, p Policy) []Finding {
	var found []Finding
	for _, a := range answers {
		if a.Missing {
			found = append(found, Finding{Place: a.Place, ID: a.ID, Check: Images, Severity: Warn,
				Message: fmt.Sprintf("%s: the registry has no image %s", a.ID, a.Reference), Hint: "wait until it is pushed, or mend its name or tag"})
		}
	}
	return p.Weigh(found)
}
