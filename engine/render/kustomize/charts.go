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
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	syaml "sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
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
		from = dir + "/"
	}
	var m *mistake
	if errors.As(err, &m) {
		return nil, &m.fault
	}
	if f, ok := object.AsFault(err); ok {
		placed := *f
		if strings.HasPrefix(placed.File, in.Path) || in.Path == "." {
			placed.File = path.Join(from, placed.File)
		}
		if placed.File == "" || placed.File == dir {
			placed.Place = k.at(c.named(), c.field, "", "").Place
		}
		return nil, &placed
	}
	if err != nil {
		return nil, err
	}
	s.random = s.random || got.Random
	s.warnings = append(s.warnings, got.Warnings...)
	for i := range got.Objects {
		got.Objects[i].Place.File = path.Join(from, got.Objects[i].Place.File)
	}
	return got.Objects, nil
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

// values are the files that kustomize gives to Helm: one that the chart or the kustomization has, with what is written inline put over
// or under it, then the others.
func (k *kustomization) values(c chart, dir string) ([]Values, error) {
	name := path.Join(dir, "values.yaml")
	if c.ValuesFile != "" {
		name = ""
	}
	inline := len(c.ValuesInline) > 0
	var all []Values
	if !inline || c.ValuesMerge != "replace" {
		v, err := k.valuesFile(c, name, c.ValuesFile)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if inline {
		var under []byte
		if len(all) > 0 {
			under = all[0].Text
		}
		text, err := merged(under, c)
		if err != nil {
			return nil, k.at(field(c.entry, "valuesInline"), c.field, err.Error(), "")
		}
		all = []Values{{Name: k.file, Text: text}}
	}
	for _, entry := range c.AdditionalValuesFiles {
		v, err := k.valuesFile(c, "", entry)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// valuesFile reads one, which must lie in the kustomization's folder unless load restrictions are off.
func (k *kustomization) valuesFile(c chart, name, entry string) (Values, error) {
	s := k.survey
	if web(entry) {
		file, _, err := k.download(&yaml.Node{Kind: yaml.ScalarNode, Value: entry}, c.field, entry, false)
		if err != nil {
			return Values{}, err
		}
		if file == "" {
			return Values{}, ErrLacking
		}
		entry = file
	}
	shown := entry
	if entry != "" {
		name = path.Join(k.dir, entry)
	} else {
		shown = name
	}
	fault := func(message string) error {
		return k.at(&yaml.Node{Kind: yaml.ScalarNode, Value: entry, Line: c.entry.Line}, c.field, shown+message, "")
	}
	if path.IsAbs(entry) || name == ".." || strings.HasPrefix(name, "../") || !s.confined(k.dir, name) {
		return Values{}, fault(" is outside of the repository")
	}
	real, err := s.Real(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Values{}, fault(" is not there")
	}
	if err != nil {
		return Values{}, fileFault(err, k.file)
	}
	if _, ok := below(k.dir, real); !ok && (s.restrict || s.repositoryOf(k.dir) != nil) {
		return Values{}, fault(" is not in or below the folder of its kustomization")
	}
	text, err := s.ReadFile(real)
	if err != nil {
		return Values{}, fileFault(err, real)
	}
	return Values{Name: real, Text: text}, nil
}

// merged puts values that are written inline together with those of a file, by kustomize's own means.
func merged(under []byte, c chart) ([]byte, error) {
	values := c.ValuesInline
	if c.ValuesMerge != "replace" {
		file, err := kyaml.Parse(string(under))
		if err != nil {
			return nil, fmt.Errorf("the values below those that are written inline cannot be read: %w", err)
		}
		inline, err := kyaml.FromMap(c.ValuesInline)
		if err != nil {
			return nil, fmt.Errorf("the inline values cannot be read: %w", err)
		}
		from, into := inline, file
		if c.ValuesMerge == "merge" {
			from, into = file, inline
		}
		both, err := merge2.Merge(from, into, kyaml.MergeOptions{})
		if err != nil {
			return nil, fmt.Errorf("the inline values do not fit those below them: %w", err)
		}
		if values, err = both.Map(); err != nil {
			return nil, fmt.Errorf("the merged values cannot be read: %w", err)
		}
	}
	text, err := syaml.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("the merged values cannot be written: %w", err)
	}
	return text, nil
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

// settings looks through the configuration of generators and transformers, which kustomize would read files by. Charts among generators
// are rendered and taken out; it yields whether nothing is left.
func (k *kustomization) settings(ctx context.Context, entry *yaml.Node, name string, text []byte) (empty bool, err error) {
	docs := manifest.Split(manifest.Plain(text))
	var charts []chart
	var rest []string
	for _, d := range docs {
		config, err := unfolded(d.Text)
		if err != nil || config == nil {
			return false, nil // the build says what is wrong with it
		}
		if kind, of := field(config, "kind"), field(config, "apiVersion"); name == "generators" && kind != nil && kind.Value == inflator && of != nil && of.Value == konfig.BuiltinPluginApiVersion {
			c, err := k.inflation(entry, d.Text)
			if err != nil {
				return false, err
			}
			charts = append(charts, c)
			continue
		}
		rest = append(rest, string(d.Text))
		if err := k.reaches(entry, name, config); err != nil {
			return false, err
		}
	}
	if len(charts) == 0 {
		return false, nil
	}
	if err := k.inflateAll(ctx, charts); err != nil {
		return false, err
	}
	if len(rest) > 0 {
		base := fmt.Sprintf("%s-%d.yaml", fetchedDir, len(k.survey.made)+1)
		k.survey.put(path.Join(k.dir, base), []byte(strings.Join(rest, "\n---\n")))
		k.rewrite(entry, base)
	}
	k.changed = true
	return len(rest) == 0, nil
}

// inflator is the kind of a generator that renders a chart, as it was written before helmCharts was there.
const inflator = "HelmChartInflationGenerator"

// inflation reads a generator that renders a chart. It has only the namespace that it says itself.
func (k *kustomization) inflation(entry *yaml.Node, text []byte) (chart, error) {
	var config struct {
		types.HelmGlobals
		types.HelmChart
	}
	if err := syaml.Unmarshal(text, &config); err != nil {
		return chart{}, k.at(entry, "generators", "the generator cannot be read: "+err.Error(), "")
	}
	return chart{HelmChart: config.HelmChart, globals: config.HelmGlobals, entry: entry, field: "generators"}, nil
}

// fileKeys are those by which kustomize's own plugins name files.
var fileKeys = []string{"path", "paths", "files", "file", "envs", "env", "valuesFile", "additionalValuesFiles"}

// reaches refuses a plugin's configuration that names what is not in its own repository.
func (k *kustomization) reaches(entry *yaml.Node, name string, config *yaml.Node) error {
	if k.survey.repositoryOf(k.dir) == nil {
		return nil
	}
	return k.walk(entry, name, config, "")
}

func (k *kustomization) walk(entry *yaml.Node, name string, n *yaml.Node, key string) error {
	if n.Kind == yaml.ScalarNode {
		_, file, keyed := strings.Cut(n.Value, "=")
		if !keyed {
			file = n.Value
		}
		at := path.Join(k.dir, file)
		if _, inside := below(k.dir, at); slices.Contains(fileKeys, key) && (path.IsAbs(file) || !inside) && !k.survey.restrict && !strings.Contains(file, "\n") {
			return k.at(entry, name, file+" is not in or below the folder of its kustomization, which was fetched", "")
		}
		return nil
	}
	for i, c := range n.Content {
		at := key
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			at = n.Content[i-1].Value
		}
		if err := k.walk(entry, name, c, at); err != nil {
			return err
		}
	}
	return nil
}
