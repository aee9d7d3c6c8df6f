package kustomize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// edit applies the source's options to a kustomization, as `kustomize edit` would. Without any it yields nil: what the
// repository holds is then built as it is.
func edit(files Files, req Request, file string, text []byte) ([]byte, error) {
	plain := argo.ApplicationSourceKustomize{Version: req.Options.Version, KubeVersion: req.Options.KubeVersion, APIVersions: req.Options.APIVersions}
	if reflect.DeepEqual(req.Options, plain) {
		return nil, nil
	}
	k := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &k); err != nil {
		return nil, yamlFault(errors.New(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")), file)
	}
	if k == nil {
		k = map[string]any{}
	}
	if err := canonical(k, file); err != nil {
		return nil, err
	}
	modern(k)
	e := editor{k: k, o: req.Options, files: files, dir: req.Path, file: file}
	for _, step := range []func() error{e.names, e.images, e.replicas, e.labels, e.annotations, e.patches, e.components} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	out, err := yaml.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("writing the kustomization: %w", err)
	}
	return out, nil
}

type editor struct {
	k     map[string]any
	o     argo.ApplicationSourceKustomize
	files Files
	dir   string
	file  string
}

func (e editor) fault(field, message string) error {
	return &object.Fault{Place: object.Place{File: e.file}, Field: "spec.source.kustomize." + field, Message: message}
}

func (e editor) names() error {
	for key, v := range map[string]string{"namePrefix": e.o.NamePrefix, "nameSuffix": e.o.NameSuffix, "namespace": e.o.Namespace} {
		if v != "" {
			e.k[key] = v
		}
	}
	return nil
}

// canonical gives the fields that are edited the names that kustomize writes; it reads them in any case.
func canonical(k map[string]any, file string) error {
	for _, name := range []string{"namePrefix", "nameSuffix", "namespace", "images", "imageTags", "replicas", "commonLabels", "labels", "commonAnnotations", "patches", "components"} {
		for _, key := range slices.Sorted(maps.Keys(k)) {
			if key == name || !strings.EqualFold(key, name) {
				continue
			}
			if _, both := k[name]; both {
				return writtenTwice(file, name, 0)
			}
			k[name] = k[key]
			delete(k, key)
		}
	}
	return nil
}

// writtenTwice is the fault of a field that is there in two cases, of which kustomize takes one.
func writtenTwice(file, name string, line int) error {
	return &object.Fault{Place: object.Place{File: file, Line: line}, Field: name, Message: name + " is written twice, in upper and lower case"}
}

// modern gives the images of an old kustomization the field that kustomize reads them from before it edits.
func modern(k map[string]any) {
	if old, ok := k["imageTags"]; ok && k["images"] == nil {
		k["images"] = old
		delete(k, "imageTags")
	}
}

// image reads "[old=]new[:tag][@digest]".
func image(text string) (map[string]any, bool) {
	m := map[string]any{}
	name, value, renamed := strings.Cut(text, "=")
	if !renamed {
		value = text
	}
	value, digest, _ := strings.Cut(value, "@")
	tag := ""
	if i := strings.LastIndexByte(value, ':'); i >= 0 && !strings.Contains(value[i:], "/") {
		value, tag = value[:i], value[i+1:]
	}
	if !renamed {
		name = value
	} else if value != "" {
		m["newName"] = value
	}
	m["name"] = name
	if tag != "" {
		m["newTag"] = tag
	}
	if digest != "" {
		m["digest"] = digest
	}
	return m, name != "" && len(m) > 1
}

// images puts the source's into the kustomization's, sorted by name as kustomize has them, since one may name what another makes.
func (e editor) images() error {
	if len(e.o.Images) == 0 {
		return nil
	}
	byName := map[string]map[string]any{}
	for i, text := range e.o.Images {
		m, ok := image(string(text))
		if !ok {
			return e.fault(fmt.Sprintf("images[%d]", i), fmt.Sprintf("%q is no image: expected [old=]new[:tag|@digest]", text))
		}
		byName[m["name"].(string)] = m
	}
	list, _ := e.k["images"].([]any)
	for _, entry := range list {
		have, _ := entry.(map[string]any)
		name, ok := have["name"].(string)
		if !ok {
			return &object.Fault{Place: object.Place{File: e.file}, Field: "images", Message: "expected a list of images with names"}
		}
		if fresh, ok := byName[name]; ok {
			keep(fresh, have)
		} else {
			byName[name] = have
		}
	}
	list = nil
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		keep(byName[name], nil)
		list = append(list, byName[name])
	}
	e.k["images"] = list
	return nil
}

// keep puts what an image has already where a star says that it stays.
func keep(image, have map[string]any) {
	for _, field := range []string{"newName", "newTag", "digest"} {
		if image[field] != "*" {
			continue
		}
		delete(image, field)
		if v, ok := have[field]; ok {
			image[field] = v
		}
	}
}

// replace puts entries into a list of the kustomization, in the place of those of the same name.
func (e editor) replace(key string, fresh []map[string]any) {
	if len(fresh) == 0 {
		return
	}
	names := map[any]int{}
	list, _ := e.k[key].([]any)
	list = slices.Clone(list)
	for i, entry := range list {
		if m, ok := entry.(map[string]any); ok {
			names[m["name"]] = i
		}
	}
	for _, m := range fresh {
		if i, ok := names[m["name"]]; ok {
			list[i] = m
			continue
		}
		names[m["name"]] = len(list)
		list = append(list, m)
	}
	e.k[key] = list
}

func (e editor) replicas() error {
	var fresh []map[string]any
	for i, r := range e.o.Replicas {
		n := r.Count.IntValue()
		if n < 0 || (n == 0 && r.Count.String() != "0") {
			return e.fault(fmt.Sprintf("replicas[%d].count", i), fmt.Sprintf("%q is no number of replicas", r.Count.String()))
		}
		fresh = append(fresh, map[string]any{"name": r.Name, "count": n})
	}
	e.replace("replicas", fresh)
	return nil
}

// add puts pairs into a map, and refuses those that it has already unless forced.
func (e editor) add(into map[string]any, pairs map[string]string, field string, force bool) error {
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		if _, has := into[key]; has && !force {
			return e.fault(field, fmt.Sprintf("the kustomization sets %s already", key))
		}
		into[key] = pairs[key]
	}
	return nil
}

func (e editor) labels() error {
	if len(e.o.CommonLabels) == 0 {
		return nil
	}
	if e.o.LabelIncludeTemplates && !e.o.LabelWithoutSelector {
		return e.fault("labelIncludeTemplates", "kustomize puts labels into templates only without selectors: set labelWithoutSelector, too")
	}
	if !e.o.LabelWithoutSelector {
		into, _ := e.k["commonLabels"].(map[string]any)
		into = maps.Clone(into)
		if into == nil {
			into = map[string]any{}
		}
		e.k["commonLabels"] = into
		return e.add(into, e.o.CommonLabels, "commonLabels", e.o.ForceCommonLabels)
	}
	list, _ := e.k["labels"].([]any)
	list = slices.Clone(list)
	for i, entry := range list {
		m, ok := entry.(map[string]any)
		if !ok || m["includeSelectors"] == true || (m["includeTemplates"] == true) != e.o.LabelIncludeTemplates || m["fields"] != nil {
			continue
		}
		pairs, _ := m["pairs"].(map[string]any)
		m, pairs = maps.Clone(m), maps.Clone(pairs)
		if pairs == nil {
			pairs = map[string]any{}
		}
		m["pairs"], list[i], e.k["labels"] = pairs, m, list
		return e.add(pairs, e.o.CommonLabels, "commonLabels", e.o.ForceCommonLabels)
	}
	pairs := map[string]any{}
	e.k["labels"] = append(list, map[string]any{"pairs": pairs, "includeSelectors": false, "includeTemplates": e.o.LabelIncludeTemplates})
	return e.add(pairs, e.o.CommonLabels, "commonLabels", true)
}

func (e editor) annotations() error {
	if len(e.o.CommonAnnotations) == 0 {
		return nil
	}
	into, _ := e.k["commonAnnotations"].(map[string]any)
	into = maps.Clone(into)
	if into == nil {
		into = map[string]any{}
	}
	e.k["commonAnnotations"] = into
	return e.add(into, e.o.CommonAnnotations, "commonAnnotations", e.o.ForceCommonAnnotations)
}

func (e editor) patches() error {
	if len(e.o.Patches) == 0 {
		return nil
	}
	list, _ := e.k["patches"].([]any)
	list = slices.Clone(list)
	for _, p := range e.o.Patches {
		text, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("writing a patch: %w", err)
		}
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("writing a patch: %w", err)
		}
		list = append(list, m)
	}
	e.k["patches"] = list
	return nil
}

func (e editor) components() error {
	list, _ := e.k["components"].([]any)
	list = slices.Clone(list)
	for _, c := range e.o.Components {
		if _, isGit := ParseRemote(c); e.o.IgnoreMissingComponents && !isGit && !strings.Contains(c, "://") {
			if _, err := e.files.Stat(path.Join(e.dir, c)); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
				continue
			}
		}
		if !slices.Contains(list, any(c)) {
			list = append(list, c)
		}
	}
	if len(list) > 0 {
		e.k["components"] = list
	}
	return nil
}
