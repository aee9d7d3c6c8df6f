package kustomize

import (
	"regexp"
	"strings"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// origin is an object as it was written. Of a file of manifests that was not looked into yet only the file is known.
type origin struct {
	kind, name, namespace string
	place                 object.Place
}

// origins finds out where a built object was written. Kustomize could say it, but only by writing an annotation on each object
// first, which patches see: what it would build for everybody else is not what it would build for us. So objects are found
// again by kind and by name, in which the name as it was written is still contained unless a patch replaced it.
type origins struct {
	byKind   map[string][]origin
	fallback object.Place
}

func (s *survey) origins(file string) *origins {
	o := &origins{byKind: map[string][]origin{}, fallback: object.Place{File: file}}
	for _, w := range s.written {
		if w.kind != "" {
			o.byKind[w.kind] = append(o.byKind[w.kind], w)
			continue
		}
		text, err := s.ReadFile(w.place.File)
		if err != nil {
			continue // the build would have failed
		}
		for _, d := range manifest.Split(manifest.Plain(text)) {
			for _, found := range identify(d, w.place.File) {
				o.byKind[found.kind] = append(o.byKind[found.kind], found)
			}
		}
	}
	return o
}

var (
	kindLine     = regexp.MustCompile(`(?m)^kind:[ \t]*([A-Za-z0-9]+)[ \t]*\r?$`)
	metadataLine = regexp.MustCompile(`(?m)^metadata:[ \t]*\r?\n((?:[ \t]+.*\n?|[ \t]*\r?\n)+)`)
	fieldLine    = regexp.MustCompile(`^([ \t]+)(name|namespace):[ \t]*["']?([A-Za-z0-9.:-]+)["']?[ \t]*\r?$`)
)

// identify says which objects a document holds. Most are written plainly, and are told by a glance at their lines.
func identify(d manifest.Document, file string) []origin {
	kind, meta := kindLine.FindSubmatch(d.Text), metadataLine.FindSubmatch(d.Text)
	if kind != nil && meta != nil && !strings.HasSuffix(string(kind[1]), "List") {
		o := origin{kind: string(kind[1]), place: object.Place{File: file, Line: d.FirstLine()}}
		indent := ""
		for line := range strings.Lines(string(meta[1])) {
			if indent == "" {
				indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			}
			if m := fieldLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil && m[1] == indent {
				if m[2] == "name" {
					o.name = m[3]
				} else {
					o.namespace = m[3]
				}
			}
		}
		if o.name != "" {
			return []origin{o}
		}
	}
	objects, err := d.Decode(file)
	if err != nil {
		return nil
	}
	var all []origin
	for _, obj := range objects {
		all = append(all, origin{kind: obj.GetKind(), name: obj.GetName(), namespace: obj.GetNamespace(), place: obj.Place})
	}
	return all
}

// of is where an object was written: by the same name if there is one, else by the longest that its name contains.
func (o *origins) of(obj object.Object) object.Place {
	best, place := 0, o.fallback
	for _, w := range o.byKind[obj.GetKind()] {
		if w.name == "" || !strings.Contains(obj.GetName(), w.name) {
			continue
		}
		score := 2 * len(w.name)
		if w.name == obj.GetName() {
			score += 1000
		}
		if w.namespace == obj.GetNamespace() {
			score++
		}
		if score > best {
			best, place = score, w.place
		}
	}
	return place
}
