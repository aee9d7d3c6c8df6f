package helm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"

	"github.com/slipway-cd/slipway/engine/object"
)

// The kinds of what a chart needs from elsewhere.
const (
	WantChart = "chart"
	WantFile  = "file" // a tree with one file, Content
)

// Content is the name of the only file in the tree of a WantFile.
const Content = "content"

// Wanted is something from another place than the repository, and where the repository asks for it.
type Wanted struct {
	Kind    string
	URL     string // of the chart's repository, as it is written, or of the file
	Chart   string
	Version string // or a range of versions
	Place   object.Place
	Field   string
}

// ErrLacking says that a render has asked for something that is not at hand; all that it could tell it needs was asked for.
var ErrLacking = errors.New("the chart needs what is not at hand")

// needs asks for what lies elsewhere, and remembers whether anything was not at hand.
type needs struct {
	fetch   func(Wanted) (Files, bool)
	lacking bool
}

// get is what was asked for, or nil when the render has to wait for it.
func (n *needs) get(w Wanted) (Files, error) {
	if n.fetch == nil {
		return nil, &object.Fault{Place: w.Place, Field: w.Field, Message: "nothing is fetched here"}
	}
	files, ok := n.fetch(w)
	if !ok {
		n.lacking = true
		return nil, nil
	}
	return files, nil
}

// complete sees to a chart's dependencies as Argo CD does: when each is in the charts folder by its name, they are what they are; when
// one is missing, all are got as `helm dependency build` gets them. A dependency's own dependencies are what it was packed with.
func (c *loaded) complete(ctx context.Context, b build) error {
	all := c.required()
	missing := false
	for _, dep := range all {
		missing = missing || !c.has(c.chart, dep.Name)
	}
	if !missing {
		return nil
	}
	wanted, locked, err := c.locked(all)
	if err != nil {
		return err
	}
	b.locked = locked
	for _, dep := range wanted {
		if err := b.add(ctx, dep); err != nil {
			return err
		}
	}
	for _, sub := range c.chart.Dependencies() {
		// What is packed and not asked for is outdated to helm, which deletes it; folders are left.
		if !strings.HasSuffix(c.at(sub), ".tgz") {
			b.take(sub)
		}
	}
	c.chart.SetDependencies(b.charts...)
	return nil
}

// required are the dependencies that the chart lists.
func (c *loaded) required() []*chart.Dependency {
	var all []*chart.Dependency
	for _, dep := range c.chart.Metadata.Dependencies {
		if dep != nil {
			all = append(all, dep)
		}
	}
	return all
}

func (c *loaded) has(in *chart.Chart, name string) bool {
	for _, sub := range in.Dependencies() {
		if sub.Name() == name {
			return true
		}
	}
	return false
}

// locked are the dependencies in the versions of the lock file, or as they are required where there is none.
func (c *loaded) locked(required []*chart.Dependency) ([]*chart.Dependency, bool, error) {
	lock := c.chart.Lock
	if lock == nil {
		return required, false, nil
	}
	name, from := "Chart.lock", "Chart.yaml"
	if c.chart.Metadata.APIVersion == chart.APIVersionV1 {
		name, from = "requirements.lock", "requirements.yaml"
	}
	stale := c.fault(name, "digest", "the lock file is out of sync with the dependencies in "+from)
	stale.Hint = "run `helm dependency update` and commit " + name
	for _, dep := range lock.Dependencies {
		if dep == nil {
			return nil, false, stale
		}
	}
	if lock.Digest == lockDigest(resolved(required, lock.Dependencies), lock.Dependencies) {
		return lock.Dependencies, true, nil
	}
	// Helm 2 digested what is required only.
	if c.chart.Metadata.APIVersion == chart.APIVersionV1 && lock.Digest == digestOf(map[string][]*chart.Dependency{"dependencies": required}) {
		return lock.Dependencies, true, nil
	}
	return nil, false, stale
}

// lockDigest is what helm writes into a lock file.
func lockDigest(required, locked []*chart.Dependency) string {
	return digestOf([2][]*chart.Dependency{required, locked})
}

func digestOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// resolved puts the URLs that names of repositories stood for when the lock file was written in their place, as helm had them then.
func resolved(required, locked []*chart.Dependency) []*chart.Dependency {
	if len(required) != len(locked) {
		return required
	}
	out := make([]*chart.Dependency, len(required))
	for i, dep := range required {
		out[i] = dep
		if named(dep.Repository) && locked[i].Name == dep.Name {
			plain := *dep
			plain.Repository = locked[i].Repository
			out[i] = &plain
		}
	}
	return out
}

// named says whether a repository is one by the name of a registered one.
func named(repository string) bool {
	return strings.HasPrefix(repository, "@") || strings.HasPrefix(repository, "alias:")
}

// build gathers a chart's dependencies.
type build struct {
	*loaded
	files  Files
	need   *needs
	kept   *charts
	locked bool
	charts []*chart.Chart
}

// take adds a chart, once: another name for it changes nothing about what there is. It says whether it was new.
func (b *build) take(sub *chart.Chart) bool {
	for _, c := range b.charts {
		if c == sub || c.Name() == sub.Name() && c.Metadata.Version == sub.Metadata.Version {
			return false
		}
	}
	b.charts = append(b.charts, sub)
	return true
}

// add gets one dependency.
func (b *build) add(ctx context.Context, dep *chart.Dependency) error {
	rel, isFile := strings.CutPrefix(dep.Repository, "file://")
	switch {
	case dep.Repository == "":
		return b.within(dep)
	case isFile:
		return b.beside(ctx, dep, rel)
	}
	if sub := b.vendored(dep); sub != nil {
		b.take(sub)
		return nil
	}
	return b.remote(ctx, dep)
}

// within finds a dependency without a repository, which has to lie in the charts folder.
func (b *build) within(dep *chart.Dependency) error {
	var other string
	for _, sub := range b.chart.Dependencies() {
		if sub.Name() != dep.Name {
			continue
		}
		if fits(dep.Version, sub.Metadata.Version) {
			b.take(sub)
			return nil
		}
		other = sub.Metadata.Version
	}
	if other != "" {
		return b.dependencyFault(dep, fmt.Sprintf("version %s is asked for, the charts folder has %s", dep.Version, other), "")
	}
	return b.dependencyFault(dep, "it names no repository, and is not in the charts folder", "name its repository, or commit it to the charts folder")
}

// vendored is the copy in the charts folder, where that is what is asked for: the version of the lock file or, without one, any that fits.
// Helm would look for a higher one in the latter case, and what was committed would not be what is rendered.
func (b *build) vendored(dep *chart.Dependency) *chart.Chart {
	for _, sub := range b.chart.Dependencies() {
		if sub.Name() != dep.Name {
			continue
		}
		want, err := semver.StrictNewVersion(strings.TrimPrefix(dep.Version, "v"))
		have, err2 := semver.NewVersion(sub.Metadata.Version)
		if err == nil && err2 == nil && want.Equal(have) {
			return sub
		}
		if !b.locked && fits(dep.Version, sub.Metadata.Version) {
			return sub
		}
	}
	return nil
}

// beside packs a chart that lies elsewhere in the repository.
func (b *build) beside(ctx context.Context, dep *chart.Dependency, rel string) error {
	dir := path.Join(b.dir, rel)
	if path.IsAbs(rel) || !fs.ValidPath(dir) {
		return b.dependencyFault(dep, "its folder "+rel+" is outside of the repository", "")
	}
	if _, err := b.files.Stat(path.Join(dir, "Chart.yaml")); err != nil {
		return b.dependencyFault(dep, "there is no chart in "+dir, "")
	}
	sub, err := b.kept.read(ctx, b.files, dir, false)
	if err != nil {
		return err
	}
	if !fits(dep.Version, sub.chart.Metadata.Version) {
		return b.dependencyFault(dep, fmt.Sprintf("version %s is asked for, %s has %s", dep.Version, dir, sub.chart.Metadata.Version), "")
	}
	b.adopt(sub)
	return nil
}

// remote takes a dependency from its repository.
func (b *build) remote(ctx context.Context, dep *chart.Dependency) error {
	if u, err := url.Parse(dep.Repository); !named(dep.Repository) && (err != nil || u.Scheme == "" || u.Host == "") {
		return b.dependencyFault(dep, fmt.Sprintf("its repository %.100q is neither a URL nor the name of a registered one", withoutUser(dep.Repository)),
			"name it by its URL, such as https://charts.example.com, or as @name")
	}
	if dep.Version == "" {
		return b.dependencyFault(dep, "its version is missing", `"*" is any`)
	}
	asked := b.dependencyFault(dep, "", "")
	w := Wanted{Kind: WantChart, URL: dep.Repository, Chart: dep.Name, Version: dep.Version, Place: asked.Place, Field: asked.Field}
	files, err := b.need.get(w)
	if err != nil {
		return b.dependencyFault(dep, "it is not in the charts folder, and nothing is fetched here", "run `helm dependency build` and commit the charts folder")
	}
	if files == nil {
		return nil
	}
	sub, err := b.kept.read(ctx, files, ".", true)
	if err != nil {
		return b.inside(dep, err)
	}
	if sub.chart.Name() != dep.Name {
		return b.dependencyFault(dep, fmt.Sprintf("what its repository has by that name is the chart %.100q", sub.chart.Name()), "")
	}
	at := path.Join(b.dir, "charts", dep.Name+"-"+sub.chart.Metadata.Version+".tgz")
	sub.places = map[*chart.File]string{}
	sub.place(sub.chart, at, nil)
	b.adopt(sub)
	return nil
}

// inside shows a fault of a fetched chart where the chart asks for it.
func (b *build) inside(dep *chart.Dependency, err error) error {
	f, ok := object.AsFault(err)
	if !ok {
		return err
	}
	return b.dependencyFault(dep, strings.TrimPrefix(f.Place.File+": ", ": ")+f.Message, f.Hint)
}

func withoutUser(raw string) string {
	return raw[strings.LastIndexByte(raw, '@')+1:]
}

// adopt adds a chart that was read.
func (b *build) adopt(sub *loaded) {
	if !b.take(sub.chart) {
		return
	}
	maps.Copy(b.places, sub.places)
	b.warnings = append(b.warnings, sub.warnings...)
	for _, dep := range sub.required() {
		if !b.has(sub.chart, dep.Name) {
			b.warnings = append(b.warnings, fmt.Sprintf("the chart %s is packed without its dependency %s, which is left out, as it is by helm", sub.chart.Name(), dep.Name))
		}
	}
}
