package kustomize

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	syaml "sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/object"
)

// Inflation is a chart that a kustomization has rendered.
type Inflation struct {
	Files        Files
	Path         string // of the chart, from the root of Files
	Release      string // as `helm template` has it where the kustomization gives none
	NameTemplate string // makes the release's name, if set
	Namespace    string
	Values       []Values // later ones are stronger
	CRDs         bool     // also those of the chart's crds folder
	SkipHooks    bool
	SkipTests    bool
	KubeVersion  string // empty for Helm's default
	APIVersions  []string
}

// At is a mistake in a file of values, which Name says.
func (c Inflation) At(file string, line int, message string) error {
	return &mistake{object.Fault{Place: object.Place{File: file, Line: line}, Message: message}}
}

// mistake is a Fault whose file is one of the build, not of the chart.
type mistake struct{ fault object.Fault }

func (m *mistake) Error() string { return m.fault.Error() }

// Values is a file of values; Name is where people find it.
type Values struct {
	Name string
	Text []byte
}

// Inflated is what a chart renders.
type Inflated struct {
	Objects  []object.Object
	Warnings []string
	Random   bool // another render of the same would differ
}

// Where what charts render is put, beside the kustomization that names them: a component, which kustomize takes in after resources and
// generators as it does charts.
const (
	chartsDir  = ".slipway-charts"
	chartsFile = "charts.yaml"
)

// chart is one that a kustomization names.
type chart struct {
	types.HelmChart
	globals types.HelmGlobals
	entry   *yaml.Node
	field   string
}

// named is where a chart's name stands.
func (c chart) named() *yaml.Node {
	for _, key := range []string{"name", "chartName"} {
		if n := field(c.entry, key); n != nil {
			return n
		}
	}
	return c.entry
}

// charts has those of the kustomization's own fields rendered.
func (k *kustomization) charts(ctx context.Context) error {
	all, err := k.named()
	if err != nil || len(all) == 0 {
		return err
	}
	for i, c := range all {
		if c.Namespace == "" {
			all[i].Namespace = k.namespace
		}
	}
	for _, name := range []string{"helmCharts", "helmChartInflationGenerator", "helmGlobals"} {
		k.remove(name)
	}
	return k.inflateAll(ctx, all)
}

// named are the charts of helmCharts, and of the field that was before it.
func (k *kustomization) named() ([]chart, error) {
	var fields struct {
		Charts  []types.HelmChart     `json:"helmCharts"`
		Old     []types.HelmChartArgs `json:"helmChartInflationGenerator"`
		Globals *types.HelmGlobals    `json:"helmGlobals"`
	}
	var entries []*yaml.Node
	only := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range []string{"helmCharts", "helmChartInflationGenerator", "helmGlobals"} {
		n := field(k.doc, name)
		if n == nil {
			continue
		}
		only.Content = append(only.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, n)
		if name != "helmGlobals" {
			entries = append(entries, n.Content...)
		}
	}
	if len(entries) == 0 {
		return nil, nil
	}
	text, err := yaml.Marshal(only)
	if err != nil {
		return nil, fmt.Errorf("writing charts of %s: %w", k.file, err)
	}
	if err := syaml.UnmarshalStrict(text, &fields); err != nil {
		return nil, k.at(entries[0], "helmCharts", strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: "), "")
	}
	old, globals := types.SplitHelmParameters(fields.Old)
	if fields.Globals != nil {
		globals = *fields.Globals
	}
	var all []chart
	for i, c := range append(fields.Charts, old...) {
		name := "helmCharts"
		if i >= len(fields.Charts) {
			name = "helmChartInflationGenerator"
		}
		all = append(all, chart{HelmChart: c, globals: globals, entry: entries[i], field: name})
	}
	return all, nil
}

// remove takes a field out of what is built.
func (k *kustomization) remove(name string) {
	for i := 0; i+1 < len(k.doc.Content); i += 2 {
		if strings.EqualFold(k.doc.Content[i].Value, name) {
			k.doc.Content = slices.Delete(k.doc.Content, i, i+2)
			k.changed = true
			return
		}
	}
}

// inflateAll renders charts and puts what they render into the kustomization.
func (k *kustomization) inflateAll(ctx context.Context, all []chart) error {
	var objects []object.Object
	for _, c := range all {
		if err := k.valid(c); err != nil {
			return err
		}
	}
	for _, c := range all {
		got, err := k.inflate(ctx, c)
		if errors.Is(err, ErrLacking) {
			continue
		}
		if err != nil {
			return err
		}
		objects = append(objects, got...)
	}
	if k.survey.lacking {
		return nil
	}
	return k.add(objects)
}

// valid refuses what kustomize refuses before it looks for a chart.
func (k *kustomization) valid(c chart) error {
	what := c.named()
	switch {
	case !k.survey.options.helm:
		return k.at(what, c.field, "Helm charts within kustomizations are switched off",
			"set kustomize.buildOptions to --enable-helm in the ConfigMap argocd-cm, or make the chart a source of its own")
	case k.survey.request.Inflate == nil:
		return k.at(what, c.field, "Helm charts within kustomizations are not rendered here", "")
	case c.Name == "":
		return k.at(what, c.field, "the chart has no name", "")
	case strings.HasPrefix(c.Name, "-") || strings.HasPrefix(c.ReleaseName, "-"):
		return k.at(what, c.field, "names of charts and releases may not begin with a dash", "")
	case !slices.Contains([]string{"", "merge", "override", "replace"}, c.ValuesMerge):
		return k.at(what, c.field, fmt.Sprintf("valuesMerge is %q, expected merge, override or replace", c.ValuesMerge), "")
	case c.ReleaseName != "" && c.NameTemplate != "":
		return k.at(what, c.field, "a chart may have a releaseName or a nameTemplate, not both", "")
	}
	return nil
}

// inflate renders one chart. ErrLacking says that it is elsewhere, and asked for.
func (k *kustomization) inflate(ctx context.Context, c chart) ([]object.Object, error) {
	s := k.survey
	dir, err := k.chartDir(c)
	if err != nil {
		return nil, err
	}
	values, err := k.values(c, dir)
	if err != nil {
		return nil, err
	}
	in := Inflation{Files: s.trees, Path: dir, Release: c.ReleaseName, NameTemplate: c.NameTemplate, Namespace: c.Namespace, Values: values,
		CRDs: c.IncludeCRDs, SkipHooks: c.SkipHooks, SkipTests: c.SkipTests, KubeVersion: c.KubeVersion, APIVersions: c.ApiVersions}
	if m, inside := s.in(dir); m != nil { // it can depend on nothing outside of what it came in
		in.Files, in.Path = m.files, inside
	}
	if in.Release == "" {
		in.Release = "release-name"
	}
	if in.KubeVersion == "" {
		in.KubeVersion = s.options.kubeVersion
	}
	if len(in.APIVersions) == 0 {
		in.APIVersions = s.options.apiVersions
	}
	got, err := s.request.Inflate(ctx, in)
	from := strings.TrimSuffix(dir, in.Path)
	if in.Path == "." {
		from = dir
	}
	if err != nil {
		return nil, k.inChart(c, err, from, dir)
	}
	s.random = s.random || got.Random
	s.warnings = append(s.warnings, got.Warnings...)
	for i := range got.Objects {
		got.Objects[i].Place.File = path.Join(from, got.Objects[i].Place.File)
	}
	return got.Objects, nil
}

// inChart puts the place of a chart's fault into the build; one that has none is where the kustomization names the chart.
func (k *kustomization) inChart(c chart, err error, from, dir string) error {
	var m *mistake
	if errors.As(err, &m) {
		return &m.fault
	}
	f, ok := object.AsFault(err)
	if !ok {
		return err
	}
	placed := *f
	if placed.File = path.Join(from, f.File); f.File == "" || placed.File == dir {
		placed.Place = k.at(c.named(), c.field, "", "").Place
	}
	return &placed
}

// chartDir finds the folder of a chart, where kustomize would look for it, or have it fetched to.
func (k *kustomization) chartDir(c chart) (string, error) {
	s := k.survey
	home := c.globals.ChartHome
	if home == "" {
		home = types.HelmDefaultHome
	}
	dir := path.Join(k.dir, home)
	if c.Version != "" && c.Repo != "" {
		dir = path.Join(dir, c.Name+"-"+c.Version)
	}
	dir = path.Join(dir, c.Name)
	if path.IsAbs(home) || dir == ".." || strings.HasPrefix(dir, "../") || !s.confined(k.dir, dir) {
		return "", k.at(c.entry, "helmGlobals.chartHome", home+" is outside of the repository", "")
	}
	info, err := s.Stat(dir)
	if err == nil && info.IsDir() {
		return s.Real(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fileFault(err, dir)
	}
	if c.Repo == "" {
		return "", k.at(c.named(), c.field, fmt.Sprintf("there is no chart in %s, and no repo is given to fetch it from", s.shown(dir)), "")
	}
	w := Wanted{Kind: wantChart, URL: c.Repo, Chart: c.Name, Version: c.Version, Field: c.field}
	if w.Version == "" && c.Devel {
		w.Version = ">0.0.0-0"
	}
	files, _, err := k.want(c.named(), w)
	if err != nil {
		return "", err
	}
	if files == nil {
		return "", ErrLacking
	}
	s.mounts = append(s.mounts, mount{at: dir, files: files})
	return dir, nil
}

// add makes what charts rendered a component of the kustomization.
func (k *kustomization) add(objects []object.Object) error {
	s := k.survey
	if len(objects) == 0 {
		if field(k.doc, "resources") == nil { // one of nothing but charts is not empty
			k.set("resources", &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle})
		}
		return nil
	}
	var text bytes.Buffer
	for _, o := range objects {
		s.written = append(s.written, origin{kind: o.GetKind(), name: o.GetName(), namespace: o.GetNamespace(), place: o.Place})
		c := o.DeepCopy()
		annotations := c.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[konfig.HelmGeneratedAnnotation] = "true"
		c.SetAnnotations(annotations)
		raw, err := json.Marshal(c.Object)
		if err != nil {
			return fmt.Errorf("writing what a chart renders: %w", err)
		}
		fmt.Fprintf(&text, "---\n%s\n", raw)
	}
	dir := path.Join(k.dir, chartsDir)
	n := 0
	for s.made[path.Join(dir, chartsFile)] != nil {
		n++
		dir = path.Join(k.dir, fmt.Sprintf("%s-%d", chartsDir, n))
	}
	s.put(path.Join(dir, chartsFile), text.Bytes())
	s.put(path.Join(dir, FileNames[0]), []byte("apiVersion: "+types.ComponentVersion+"\nkind: "+types.ComponentKind+"\nresources:\n- "+chartsFile+"\n"))
	first := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: path.Base(dir)}
	if list := field(k.doc, "components"); list != nil && list.Kind == yaml.SequenceNode {
		list.Content = slices.Insert(list.Content, n, first) // after those that are there already
		k.changed = true
		return nil
	}
	k.set("components", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{first}})
	return nil
}

// set gives a kustomization a field in place of what it had.
func (k *kustomization) set(name string, value *yaml.Node) {
	k.remove(name)
	k.doc.Content = append(k.doc.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, value)
	k.changed = true
}
