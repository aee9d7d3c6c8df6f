package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
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

// loadChart reads the chart of a folder, with what lies in its charts folder and its file:// dependencies.
func loadChart(ctx context.Context, files Files, dir string) (*loaded, error) {
	return loadNested(ctx, files, dir, nil)
}

func loadNested(ctx context.Context, files Files, dir string, above []string) (*loaded, error) {
	for _, a := range above {
		if a == dir {
			return nil, &object.Fault{Place: object.Place{File: path.Join(dir, "Chart.yaml")}, Field: "dependencies", Message: "the charts depend on each other in a circle"}
		}
	}
	w := walker{files: files, dir: dir, rules: ignore.Empty()}
	if err := w.readRules(); err != nil {
		return nil, err
	}
	if err := w.walk(ctx, dir, nil); err != nil {
		return nil, err
	}
	c := &loaded{dir: dir, places: map[*chart.File]string{}}
	var err error
	c.chart, err = loader.LoadFiles(w.found)
	if err != nil {
		return nil, loadFault(err, dir)
	}
	if t := c.chart.Metadata.Type; t != "" && t != "application" && len(above) == 0 {
		return nil, c.fault("Chart.yaml", "type", t+" charts are not installable")
	}
	c.place(c.chart, dir, w.charts)
	return c, c.local(ctx, files, above)
}

// walker collects a chart's files as Helm does: links are followed, what .helmignore names is left out.
type walker struct {
	files  Files
	dir    string
	rules  *ignore.Rules
	found  []*loader.BufferedFile
	charts map[string]string // "redis" of charts/redis/Chart.yaml to the folder's path, at any depth
	size   int
}

func (w *walker) readRules() error {
	name := path.Join(w.dir, ignore.HelmIgnore)
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

// local adds the dependencies that lie elsewhere in the repository, which Helm would first copy into charts, and refuses those
// that would have to be fetched.
func (c *loaded) local(ctx context.Context, files Files, above []string) error {
	for _, dep := range c.chart.Metadata.Dependencies {
		if dep == nil || c.has(dep) {
			continue
		}
		rel, isFile := strings.CutPrefix(dep.Repository, "file://")
		if !isFile {
			return c.missing(dep)
		}
		dir := path.Join(c.dir, rel)
		if path.IsAbs(rel) || dir == ".." || strings.HasPrefix(dir, "../") {
			return c.dependencyFault(dep, "its folder "+rel+" is outside of the repository", "")
		}
		if _, err := files.Stat(path.Join(dir, "Chart.yaml")); err != nil {
			return c.dependencyFault(dep, "there is no chart in "+dir, "")
		}
		sub, err := loadNested(ctx, files, dir, append(above, c.dir))
		if err != nil {
			return err
		}
		if !fits(dep.Version, sub.chart.Metadata.Version) {
			return c.dependencyFault(dep, fmt.Sprintf("version %s is asked for, %s has %s", dep.Version, dir, sub.chart.Metadata.Version), "")
		}
		c.chart.AddDependency(sub.chart)
		maps.Copy(c.places, sub.places)
	}
	return nil
}

func (c *loaded) has(dep *chart.Dependency) bool {
	for _, sub := range c.chart.Dependencies() {
		if sub.Name() == dep.Name {
			return true
		}
	}
	return false
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

func (c *loaded) missing(dep *chart.Dependency) error {
	hint := "run `helm dependency build` and commit the charts folder"
	return c.dependencyFault(dep, "it is not in the charts folder, and this version fetches no charts from "+orThis(dep.Repository), hint)
}

func orThis(repository string) string {
	if repository == "" {
		return "anywhere"
	}
	return repository
}

func (c *loaded) dependencyFault(dep *chart.Dependency, message, hint string) error {
	f := c.fault("Chart.yaml", "dependencies", "dependency "+dep.Name+": "+message)
	for _, file := range c.chart.Raw {
		if file.Name == "Chart.yaml" {
			f.Line = lineWith(file.Data, "name: "+dep.Name, `name: "`+dep.Name+`"`)
		}
	}
	f.Hint = hint
	return f
}

// lineWith is the first line that ends with one of some texts, or 0.
func lineWith(text []byte, wanted ...string) int {
	n := 0
	for row := range bytes.Lines(text) {
		n++
		for _, w := range wanted {
			if strings.HasSuffix(strings.TrimSpace(string(row)), w) {
				return n
			}
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
