package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// Bounds of one chart, packed charts within it included.
const (
	maxChart = 64 << 20
	maxFiles = 20_000
)

// loaded is a chart and where its parts lie in the repository.
type loaded struct {
	chart    *chart.Chart
	dir      string
	places   map[*chart.File]string // a chart's folder, or the archive that it is in, by its first file; see at
	warnings []string
}

// load reads the chart of a folder, with what lies in its charts folder and its dependencies from other places. What those lack is left
// out, and noted in need.
func (k *charts) load(ctx context.Context, files Files, dir string, need *needs) (*loaded, error) {
	c, err := k.read(ctx, files, dir, false)
	if err != nil {
		return nil, err
	}
	if t := c.chart.Metadata.Type; t != "" && t != "application" {
		return nil, c.fault("Chart.yaml", "type", t+" charts are not installable")
	}
	return c, c.complete(ctx, build{loaded: c, files: files, need: need, kept: k})
}

// readChart reads the chart of a folder, with what lies in its charts folder, and says what it read for that. What .helmignore names is
// left out of a folder, not of what was packed.
func readChart(ctx context.Context, files Files, dir string, packed bool) (*loaded, *walker, error) {
	w := &walker{files: files, dir: dir, rules: ignore.Empty()}
	if !packed {
		if err := w.readRules(); err != nil {
			return nil, nil, err
		}
	}
	if err := w.walk(ctx, dir, nil); err != nil {
		return nil, nil, err
	}
	c := &loaded{dir: dir, places: map[*chart.File]string{}}
	var err error
	c.chart, err = loadFiles(w.found)
	if err != nil {
		return nil, nil, loadFault(err, dir)
	}
	c.place(c.chart, dir, w.charts)
	return c, w, nil
}

// loadFiles is Helm's loading of a chart, but for its default values where they can be read quickly.
func loadFiles(files []*loader.BufferedFile) (*chart.Chart, error) {
	n := slices.IndexFunc(files, func(f *loader.BufferedFile) bool { return f.Name == chartutil.ValuesfileName })
	if n < 0 {
		return loader.LoadFiles(files)
	}
	text := files[n].Data
	value, ok := manifest.Block(text, false)
	values, isMap := value.(map[string]any)
	if !ok || !isMap {
		return loader.LoadFiles(files)
	}
	files[n].Data = nil
	c, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	c.Values = values
	for _, raw := range c.Raw {
		if raw.Name == chartutil.ValuesfileName {
			raw.Data = text
		}
	}
	return c, nil
}

// walker collects a chart's files as Helm does: links are followed, what .helmignore names is left out.
type walker struct {
	files  Files
	dir    string
	rules  *ignore.Rules
	found  []*loader.BufferedFile
	charts map[string]string // "redis" of charts/redis/Chart.yaml to the folder's path, at any depth
	size   int
	read   []string // files that were read or looked for
	listed []string // folders
}

func (w *walker) readRules() error {
	name := path.Join(w.dir, ignore.HelmIgnore)
	w.read = append(w.read, name)
	text, err := w.files.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileFault(err, name)
	}
	if err == nil {
		if w.rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return &object.Fault{Place: object.Place{File: name}, Message: err.Error()}
		}
	}
	w.rules.AddDefaults()
	return nil
}

func (w *walker) walk(ctx context.Context, dir string, above []fs.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(above) > 40 {
		return &object.Fault{Place: object.Place{File: w.dir}, Message: "the folders lie too deep, or symbolic links lead in a circle"}
	}
	w.listed = append(w.listed, dir)
	entries, err := w.files.ReadDir(dir)
	if err != nil {
		return fileFault(err, dir)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := w.describe(name, e)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(name, w.dir), "/")
		if w.dir == "." {
			rel = name
		}
		if w.rules.Ignore(rel, info) {
			continue
		}
		if info.IsDir() {
			err = w.walk(ctx, name, append(above, info))
		} else {
			err = w.file(name, rel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// describe says what an entry is; the size, which would cost a question to git, is not needed.
func (w *walker) describe(name string, e fs.DirEntry) (fs.FileInfo, error) {
	if e.Type()&fs.ModeSymlink == 0 {
		return kind{e}, nil
	}
	info, err := w.files.Stat(name)
	if errors.Is(err, git.ErrCircle) {
		return nil, fileFault(err, w.dir)
	}
	if err != nil {
		return nil, fileFault(err, name)
	}
	return info, nil
}

func (w *walker) file(name, rel string) error {
	w.read = append(w.read, name)
	text, err := w.files.ReadFile(name)
	if err != nil {
		return fileFault(err, name)
	}
	w.size += len(text)
	if w.size > maxChart || len(w.found) >= maxFiles {
		return &object.Fault{Place: object.Place{File: w.dir}, Message: fmt.Sprintf("the chart is larger than %d MiB or %d files", maxChart>>20, maxFiles)}
	}
	if isPacked(rel) {
		if err := checkArchive(text, name); err != nil {
			return err
		}
	}
	if strings.HasSuffix(rel, "Chart.yaml") && strings.HasPrefix(rel, "charts/") {
		if w.charts == nil {
			w.charts = map[string]string{}
		}
		w.charts[path.Dir(rel)] = path.Dir(name)
	}
	w.found = append(w.found, &loader.BufferedFile{Name: rel, Data: bytes.TrimPrefix(text, []byte{0xEF, 0xBB, 0xBF})})
	return nil
}

// place notes where a chart and those within it lie. A folder below charts may have another name than its chart.
func (c *loaded) place(ch *chart.Chart, dir string, charts map[string]string) {
	if len(ch.Raw) > 0 {
		c.places[ch.Raw[0]] = dir
	}
	for _, sub := range ch.Dependencies() {
		at := path.Join(dir, "charts", sub.Name()+"-"+sub.Metadata.Version+".tgz")
		for rel, folder := range charts {
			if path.Dir(rel) == strings.TrimPrefix(strings.TrimPrefix(path.Join(dir, "charts"), c.dir), "/") && path.Base(rel) == sub.Name() {
				at = folder
			}
		}
		c.place(sub, at, charts)
	}
}

// at is where a chart lies. Helm copies charts that are used under another name, but not their files.
func (c *loaded) at(ch *chart.Chart) string {
	if len(ch.Raw) == 0 {
		return ""
	}
	return c.places[ch.Raw[0]]
}

func fits(constraint, version string) bool {
	if constraint == "" {
		return true
	}
	want, err := semver.NewConstraint(constraint)
	if err != nil {
		return constraint == version
	}
	v, err := semver.NewVersion(version)
	return err == nil && want.Check(v)
}

func (c *loaded) dependencyFault(dep *chart.Dependency, message, hint string) *object.Fault {
	f := c.fault("Chart.yaml", "dependencies", "dependency "+dep.Name+": "+message)
	for _, file := range c.chart.Raw {
		if file.Name != "Chart.yaml" && file.Name != "requirements.yaml" {
			continue
		}
		if line := lineWith(file.Data, dep.Name); line > 0 {
			f.File, f.Line = path.Join(c.dir, file.Name), line
		}
	}
	f.Hint = hint
	return f
}

// lineWith is the first line that gives a dependency its name, or 0.
func lineWith(text []byte, name string) int {
	wanted := regexp.MustCompile(`(^|[\s{,"'-])name["']?:\s*["']?` + regexp.QuoteMeta(name) + `["']?\s*([,}#]|$)`)
	n, within := 0, false
	for row := range bytes.Lines(text) {
		n++
		within = within || bytes.HasPrefix(row, []byte("dependencies"))
		if within && wanted.Match(bytes.TrimSpace(row)) {
			return n
		}
	}
	return 0
}

// fault is a Fault at a file of the chart.
func (c *loaded) fault(file, field, message string) *object.Fault {
	return &object.Fault{Place: object.Place{File: path.Join(c.dir, file)}, Field: field, Message: message}
}

var (
	inSubchart = regexp.MustCompile(`error unpacking subchart (\S+) in \S+: `)
	inFile     = regexp.MustCompile(`cannot load (\S+): `)
	atLine     = regexp.MustCompile(`line (\d+): `)
)

// loadFault finds the file that Helm's loader complains about.
func loadFault(err error, dir string) error {
	text := err.Error()
	for m := inSubchart.FindStringSubmatch(text); m != nil; m = inSubchart.FindStringSubmatch(text) {
		dir = path.Join(dir, "charts", m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	f := &object.Fault{Place: object.Place{File: path.Join(dir, "Chart.yaml")}}
	if strings.HasSuffix(dir, ".tgz") {
		f.File = dir
	}
	if m := inFile.FindStringSubmatch(text); m != nil {
		f.File = path.Join(dir, m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	if m := atLine.FindStringSubmatch(text); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	for _, noise := range []string{"error converting YAML to JSON: ", "yaml: "} {
		text = strings.Replace(text, noise, "", 1)
	}
	f.Message = text
	return f
}

// kind is an entry as Helm's ignore rules look at it.
type kind struct{ fs.DirEntry }

func (k kind) Size() int64        { return 0 }
func (k kind) Mode() fs.FileMode  { return k.Type() }
func (k kind) ModTime() time.Time { return time.Time{} }
func (k kind) Sys() any           { return nil }

// decodeMap reads a values document.
func decodeMap(text []byte, file string) (map[string]any, error) {
	if value, ok := manifest.Block(text, false); ok {
		if m, isMap := value.(map[string]any); isMap {
			return m, nil
		}
	}
	m := map[string]any{}
	if err := yaml.Unmarshal(text, &m); err != nil {
		f := &object.Fault{Place: object.Place{File: file}}
		message := err.Error()
		if at := atLine.FindStringSubmatch(message); at != nil {
			f.Line, _ = strconv.Atoi(at[1])
			message = strings.Replace(message, at[0], "", 1)
		}
		for _, noise := range []string{"error converting YAML to JSON: ", "yaml: ", "error unmarshaling JSON: while decoding JSON: "} {
			message = strings.Replace(message, noise, "", 1)
		}
		f.Message = "the values cannot be read: " + message
		return nil, f
	}
	return m, nil
}
