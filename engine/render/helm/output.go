package helm

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// hookEvents are the hooks that Helm knows; a manifest with any other is dropped by it.
var hookEvents = []string{"pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade", "pre-rollback",
	"post-rollback", "test", "test-success"}

// collect turns rendered text into objects in the order of `helm template`: CRDs, manifests by kind, hooks by kind.
func collect(c *loaded, rendered map[string]string, o argo.ApplicationSourceHelm) ([]object.Object, error) {
	var all, plainOnes, hooks []object.Object
	if !o.SkipCrds {
		for _, crd := range c.chart.CRDObjects() {
			objects, err := manifest.Decode(crd.File.Data, c.crdFile(crd))
			if err != nil {
				return nil, err
			}
			all = append(all, objects...)
		}
	}
	places := c.unitFiles()
	for _, name := range slices.Sorted(keys(rendered)) {
		if path.Base(name) == "NOTES.txt" {
			continue
		}
		file := places(name)
		docs := releaseutil.SplitManifests(rendered[name])
		for i := range len(docs) {
			text, ok := docs["manifest-"+strconv.Itoa(i)]
			if !ok {
				continue
			}
			objects, err := decode(text, file)
			if err != nil {
				return nil, err
			}
			for _, obj := range objects {
				isHook, keep := hook(obj, o.SkipTests)
				switch {
				case !keep:
				case isHook:
					hooks = append(hooks, obj)
				default:
					plainOnes = append(plainOnes, obj)
				}
			}
		}
	}
	byKind(plainOnes)
	byKind(hooks)
	return append(append(all, plainOnes...), hooks...), nil
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// decode reads one rendered document. A line of it is no line of the template, so the message says which it is.
func decode(text, file string) ([]object.Object, error) {
	objects, err := manifest.Decode([]byte(text), file)
	f, ok := object.AsFault(err)
	if !ok {
		for i := range objects {
			objects[i].Place.Line = 0
		}
		return objects, err
	}
	c := *f
	if strings.HasPrefix(c.Message, "the YAML cannot be read") {
		c.Message = fmt.Sprintf("what this template renders cannot be read as YAML, at its line %d: %s", f.Line,
			strings.TrimPrefix(c.Message, "the YAML cannot be read: "))
	} else {
		c.Hint = "in what this template renders"
	}
	c.Line = 0
	return nil, &c
}

// hook says whether an object is one of Helm's hooks, and whether it is kept.
func hook(o object.Object, skipTests bool) (isHook, keep bool) {
	events, ok := o.GetAnnotations()[release.HookAnnotation]
	if !ok {
		return false, true
	}
	for e := range strings.SplitSeq(events, ",") {
		e = strings.ToLower(strings.TrimSpace(e))
		if !slices.Contains(hookEvents, e) {
			return true, false
		}
		if skipTests && strings.HasPrefix(e, "test") {
			return true, false
		}
	}
	return true, true
}

// byKind sorts as Helm installs: known kinds in its order, then the others by name.
func byKind(objects []object.Object) {
	rank := make(map[string]int, len(releaseutil.InstallOrder))
	for i, kind := range releaseutil.InstallOrder {
		rank[kind] = i + 1
	}
	slices.SortStableFunc(objects, func(a, b object.Object) int {
		ra, rb := rank[a.GetKind()], rank[b.GetKind()]
		switch {
		case ra == 0 && rb == 0:
			return strings.Compare(a.GetKind(), b.GetKind())
		case ra == 0:
			return 1
		case rb == 0:
			return -1
		}
		return ra - rb
	})
}

// crdFile is where a CRD of the chart, or of one within it, lies.
func (c *loaded) crdFile(crd chart.CRD) string { return c.unitFiles()(crd.Filename) }

// unitFiles maps Helm's names ("web/charts/redis/templates/x.yaml") to files of the repository.
func (c *loaded) unitFiles() func(string) string {
	full := map[string]string{}
	for ch, dir := range c.places {
		full[ch.ChartFullPath()] = dir
	}
	return func(name string) string {
		for at := path.Dir(name); at != "." && at != "/"; at = path.Dir(at) {
			dir, ok := full[at]
			if ok && strings.HasSuffix(dir, ".tgz") {
				return dir
			}
			if ok {
				return path.Join(dir, strings.TrimPrefix(name, at+"/"))
			}
		}
		return c.dir
	}
}
