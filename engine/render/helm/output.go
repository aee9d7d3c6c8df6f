package helm

import (
	"fmt"
	"maps"
	"path"
	"slices"
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

// document is one rendered document: an object, or a list of some, which Helm orders by the list's kind.
type document struct {
	kind    string
	objects []object.Object
}

// collect turns rendered text into objects in the order of `helm template`: CRDs, manifests by kind, hooks by kind.
func collect(c *loaded, read *documents, rendered map[string]string, o argo.ApplicationSourceHelm) ([]object.Object, error) {
	var all []object.Object
	places := c.unitFiles()
	if !o.SkipCrds {
		for _, crd := range c.chart.CRDObjects() {
			d, err := read.decode(source{string(crd.File.Data), places(crd.Filename), true})
			if err != nil {
				return nil, err
			}
			all = append(all, d.objects...)
		}
	}
	var manifests, hooks []document
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if path.Base(name) == "NOTES.txt" {
			continue
		}
		for _, text := range split(rendered[name]) {
			d, err := read.decode(source{text, places(name), false})
			if err != nil {
				return nil, err
			}
			switch isHook, keep := hook(d, o.SkipTests); {
			case !keep:
			case isHook:
				hooks = append(hooks, d)
			default:
				manifests = append(manifests, d)
			}
		}
	}
	byKind(manifests)
	byKind(hooks)
	for _, d := range append(manifests, hooks...) {
		all = append(all, d.objects...)
	}
	return all, nil
}

// decode reads one rendered document. A line of it is no line of the template, so the message says which it is. Helm cuts the last
// line's end off and prints one again, which a block of text at the end of the document holds.
func decode(text, file string) (document, error) {
	value, err := manifest.Value([]byte(text+"\n"), file)
	var d document
	if err == nil {
		if m, ok := value.(map[string]any); ok {
			d.kind, _ = m["kind"].(string)
		}
		d.objects, err = manifest.FromValue(value, object.Place{File: file})
	}
	f, ok := object.AsFault(err)
	if !ok {
		return d, err
	}
	c := *f
	if cause, isYAML := strings.CutPrefix(c.Message, manifest.Unreadable); isYAML {
		c.Message = fmt.Sprintf("what this template renders cannot be read as YAML, at its line %d: %s", f.Line, cause)
	} else {
		c.Hint = "in what this template renders"
	}
	c.Line = 0
	return d, &c
}

// hook says whether a document is one of Helm's hooks, and whether it is kept.
func hook(d document, skipTests bool) (isHook, keep bool) {
	if len(d.objects) != 1 {
		return false, true
	}
	events, ok := d.objects[0].GetAnnotations()[release.HookAnnotation]
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
func byKind(docs []document) {
	rank := make(map[string]int, len(releaseutil.InstallOrder))
	for i, kind := range releaseutil.InstallOrder {
		rank[kind] = i + 1
	}
	slices.SortStableFunc(docs, func(a, b document) int {
		ra, rb := rank[a.kind], rank[b.kind]
		switch {
		case ra == 0 && rb == 0:
			return strings.Compare(a.kind, b.kind)
		case ra == 0:
			return 1
		case rb == 0:
			return -1
		}
		return ra - rb
	})
}

// unitFiles maps Helm's names ("web/charts/redis/templates/x.yaml") to files of the repository.
func (c *loaded) unitFiles() func(string) string {
	full := map[string]string{}
	c.fullPaths(c.chart, full)
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

func (c *loaded) fullPaths(ch *chart.Chart, into map[string]string) {
	into[ch.ChartFullPath()] = c.at(ch)
	for _, sub := range ch.Dependencies() {
		c.fullPaths(sub, into)
	}
}
