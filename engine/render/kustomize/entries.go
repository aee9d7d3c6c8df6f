package kustomize

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// kustomization is one file of a survey.
type kustomization struct {
	survey   *survey
	dir      string
	file     string
	original *yaml.Node // as it is in the repository, for lines
}

// look is what the entries of a field are.
type look struct {
	field string
	as    func(*kustomization, context.Context, *yaml.Node, string) error
}

// looks are the fields in the order in which they are looked at.
func looks() []look {
	return []look{
		{"helmCharts", (*kustomization).chart},
		{"helmChartInflationGenerator", (*kustomization).chart},
		{"resources", (*kustomization).resource},
		{"bases", (*kustomization).folder},
		{"components", (*kustomization).folder},
		{"crds", (*kustomization).plain},
		{"configurations", (*kustomization).plain},
		{"generators", (*kustomization).plugin},
		{"transformers", (*kustomization).plugin},
		{"validators", (*kustomization).plugin},
		{"patchesStrategicMerge", (*kustomization).inlineOrFile},
		{"patchesJson6902", (*kustomization).withPath},
		{"patches", (*kustomization).withPath},
		{"replacements", (*kustomization).withPath},
		{"configMapGenerator", (*kustomization).generator},
		{"secretGenerator", (*kustomization).generator},
	}
}

// all goes through a kustomization's fields.
func (k *kustomization) all(ctx context.Context, doc *yaml.Node) error {
	if doc == nil {
		return &object.Fault{Place: object.Place{File: k.file, Line: 1}, Message: "the kustomization is empty or no map"}
	}
	for _, l := range looks() {
		list := field(doc, l.field)
		if list == nil {
			continue
		}
		for _, entry := range list.Content {
			if err := l.as(k, ctx, entry, l.field); err != nil {
				return err
			}
		}
	}
	if api := field(doc, "openapi"); api != nil {
		k.survey.openapi = true
		if p := field(api, "path"); p != nil {
			return k.plain(ctx, p, "openapi.path")
		}
	}
	return nil
}

// field is a mapping's value.
func field(m *yaml.Node, name string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return m.Content[i+1]
		}
	}
	return nil
}

// at is a Fault at an entry. An entry that is not in the repository's own file was put there by the source's options.
func (k *kustomization) at(entry *yaml.Node, name, message, hint string) *object.Fault {
	f := &object.Fault{Place: object.Place{File: k.file}, Field: name, Message: message, Hint: hint}
	top, _, _ := strings.Cut(name, ".")
	if line := same(field(k.original, top), entry.Value); line > 0 {
		f.Line = line
	} else if _, edited := k.survey.over[k.file]; !edited {
		f.Line = entry.Line
	}
	return f
}

// same finds the line of a scalar of the same value.
func same(n *yaml.Node, value string) int {
	if n == nil {
		return 0
	}
	if n.Kind == yaml.ScalarNode && n.Value == value {
		return n.Line
	}
	for _, c := range n.Content {
		if line := same(c, value); line > 0 {
			return line
		}
	}
	return 0
}

func (k *kustomization) chart(_ context.Context, entry *yaml.Node, name string) error {
	what := entry
	for _, key := range []string{"name", "chartName"} {
		if n := field(entry, key); n != nil {
			what = n
		}
	}
	return k.at(what, name, "Helm charts within a kustomization are not inflated by this version", "make the chart a source of its own, or commit what it renders")
}

func (k *kustomization) refuseRemote(entry *yaml.Node, name string) error {
	return k.at(entry, name, entry.Value+" would have to be fetched, which this version does not do", "copy it into the repository")
}

// resource is a file of manifests or a folder with a kustomization.
func (k *kustomization) resource(ctx context.Context, entry *yaml.Node, name string) error {
	info, at, err := k.stat(entry, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return k.enter(ctx, entry, name, at)
	}
	if k.survey.resources == nil {
		k.survey.resources = map[string]bool{}
	}
	if !k.survey.resources[at] {
		k.survey.resources[at] = true
		k.survey.written = append(k.survey.written, origin{place: object.Place{File: at}})
	}
	return nil
}

func (k *kustomization) folder(ctx context.Context, entry *yaml.Node, name string) error {
	info, at, err := k.stat(entry, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return k.at(entry, name, entry.Value+" is no folder", "")
	}
	return k.enter(ctx, entry, name, at)
}

func (k *kustomization) enter(ctx context.Context, entry *yaml.Node, name, dir string) error {
	if slices.Contains(k.survey.within, dir) {
		return k.at(entry, name, entry.Value+" leads back to a kustomization that leads here", "")
	}
	for _, n := range FileNames {
		if info, err := k.survey.files.Stat(path.Join(dir, n)); err == nil && !info.IsDir() {
			return k.survey.folder(ctx, dir)
		}
	}
	return k.at(entry, name, entry.Value+" is a folder without a kustomization", "")
}

// stat finds what an entry names.
func (k *kustomization) stat(entry *yaml.Node, name string) (fs.FileInfo, string, error) {
	if entry.Kind != yaml.ScalarNode || entry.Value == "" {
		return nil, "", k.at(entry, name, "expected the name of a file or folder", "")
	}
	if remote(entry.Value) {
		return nil, "", k.refuseRemote(entry, name)
	}
	if path.IsAbs(entry.Value) {
		return nil, "", k.at(entry, name, entry.Value+" is not relative to the kustomization", "")
	}
	at := path.Join(k.dir, entry.Value)
	if at == ".." || strings.HasPrefix(at, "../") {
		return nil, "", k.at(entry, name, entry.Value+" is outside of the repository", "")
	}
	info, err := k.survey.files.Stat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", k.at(entry, name, entry.Value+" is not there", "")
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return nil, "", k.at(entry, name, entry.Value+": "+p.Err.Error(), "")
	}
	return info, at, err
}

// plain is a file that must be there.
func (k *kustomization) plain(_ context.Context, entry *yaml.Node, name string) error {
	info, _, err := k.stat(entry, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return k.at(entry, name, entry.Value+" is a folder, expected a file", "")
	}
	return nil
}

// plugin is inline, a file, or a folder with a kustomization.
func (k *kustomization) plugin(ctx context.Context, entry *yaml.Node, name string) error {
	if strings.Contains(entry.Value, "\n") {
		return nil
	}
	info, at, err := k.stat(entry, name)
	if err != nil || !info.IsDir() {
		return err
	}
	return k.enter(ctx, entry, name, at)
}

func (k *kustomization) inlineOrFile(ctx context.Context, entry *yaml.Node, name string) error {
	if strings.Contains(entry.Value, "\n") {
		return nil
	}
	return k.plain(ctx, entry, name)
}

func (k *kustomization) withPath(ctx context.Context, entry *yaml.Node, name string) error {
	p := field(entry, "path")
	if p == nil || p.Value == "" {
		return nil
	}
	return k.plain(ctx, p, name+".path")
}

// generator names files as "path" or "key=path".
func (k *kustomization) generator(ctx context.Context, entry *yaml.Node, name string) error {
	kind := "ConfigMap"
	if name == "secretGenerator" {
		kind = "Secret"
	}
	if n := field(entry, "name"); n != nil {
		k.survey.written = append(k.survey.written, origin{kind: kind, name: n.Value, place: object.Place{File: k.file, Line: same(field(k.original, name), n.Value)}})
	}
	for _, list := range []string{"files", "envs"} {
		files := field(entry, list)
		if files == nil {
			continue
		}
		for _, f := range files.Content {
			if err := k.source(ctx, f, name+"."+list); err != nil {
				return err
			}
		}
	}
	if env := field(entry, "env"); env != nil && env.Value != "" {
		return k.source(ctx, env, name+".env")
	}
	return nil
}

func (k *kustomization) source(ctx context.Context, entry *yaml.Node, name string) error {
	_, file, keyed := strings.Cut(entry.Value, "=")
	if !keyed {
		return k.plain(ctx, entry, name)
	}
	n := *entry
	n.Value = file
	err := k.plain(ctx, &n, name)
	if f, ok := object.AsFault(err); ok && f.Line == 0 {
		f.Line = same(k.original, entry.Value)
		return f
	}
	return err
}
