package helm

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/slipway-cd/slipway/engine/object"
)

// Bounds of a template's calls to others. They lie far above what charts do, and far below what would end the process.
const (
	maxInclude = 1000 // of one name within itself, as in Helm
	maxTpl     = 200
)

// unit is one template file and the values that it sees.
type unit struct {
	name  string // "web/templates/deploy.yaml", as Helm names it
	file  *chart.File
	chart *chart.Chart
	scope map[string]any
}

// run is one render of a chart.
type run struct {
	chart    *loaded
	seed     []byte
	random   *random
	at       func(string)
	names    map[string]string // unit name to repository file
	included map[string]int
	tpls     int
}

// all renders every template that is not a partial; the result is keyed by unit name.
func (r *run) all(ctx context.Context, parsed *parsedCache, top chartutil.Values) (map[string]string, error) {
	units := r.units(r.chart.chart, top, nil)
	slices.SortFunc(units, func(a, b unit) int {
		if d := strings.Count(b.name, "/") - strings.Count(a.name, "/"); d != 0 {
			return d // deeper first: what a parent chart defines wins
		}
		return strings.Compare(b.name, a.name)
	})
	r.names = make(map[string]string, len(units))
	for _, u := range units {
		r.names[u.name] = r.file(u)
	}
	p, err := parsed.parse(units, len(r.seed) > 0)
	if err != nil {
		return nil, r.fault(err, "")
	}
	r.included, r.random = map[string]int{}, &p.random
	r.random.begin(r.seed, r.chart.dir)
	p.run = r
	out := make(map[string]string, len(units))
	for _, u := range units {
		if strings.HasPrefix(path.Base(u.name), "_") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		text, err := r.one(p.set, u)
		if err != nil {
			return nil, err
		}
		out[u.name] = text
	}
	return out, nil
}

func (r *run) one(set *template.Template, u unit) (text string, err error) {
	r.at(r.names[u.name])
	r.random.file = r.names[u.name]
	defer func() {
		if p := recover(); p != nil {
			err = &object.Fault{Place: object.Place{File: r.names[u.name]}, Message: fmt.Sprintf("the template failed: %v", p)}
		}
	}()
	u.scope["Template"] = chartutil.Values{"Name": u.name, "BasePath": path.Join(u.chart.ChartFullPath(), "templates")}
	var b strings.Builder
	if err := set.ExecuteTemplate(&b, u.name, u.scope); err != nil {
		return "", r.fault(err, u.name)
	}
	return plain(b.String()), nil
}

// plain takes out what text/template writes for a missing key, as Helm does.
func plain(s string) string { return strings.ReplaceAll(s, "<no value>", "") }

// units lists the templates of a chart and those within it, each with its chart's part of the values.
func (r *run) units(c *chart.Chart, above chartutil.Values, all []unit) []unit {
	all, _ = r.collect(c, above, all)
	return all
}

// about is what templates see as .Chart.
type about struct {
	chart.Metadata
	IsRoot bool
}

func (r *run) collect(c *chart.Chart, above chartutil.Values, all []unit) ([]unit, map[string]any) {
	within := map[string]any{}
	scope := map[string]any{
		"Chart": about{*c.Metadata, c.IsRoot()}, "Files": newFiles(c.Files), "Release": above["Release"],
		"Capabilities": above["Capabilities"], "Values": chartutil.Values{}, "Subcharts": within,
	}
	if c.IsRoot() {
		scope["Values"] = above["Values"]
	} else if own, err := above.Table("Values." + c.Name()); err == nil {
		scope["Values"] = own
	}
	for _, sub := range c.Dependencies() {
		var subScope map[string]any
		all, subScope = r.collect(sub, scope, all)
		within[sub.Name()] = subScope
	}
	library := strings.EqualFold(c.Metadata.Type, "library")
	for _, t := range c.Templates {
		if t == nil || (library && !strings.HasPrefix(path.Base(t.Name), "_")) {
			continue
		}
		all = append(all, unit{name: path.Join(c.ChartFullPath(), t.Name), file: t, chart: c, scope: scope})
	}
	return all, scope
}

// file is where a unit's template lies in the repository.
func (r *run) file(u unit) string {
	at := r.chart.at(u.chart)
	if at == "" || strings.HasSuffix(at, ".tgz") {
		return at
	}
	return path.Join(at, strings.TrimPrefix(u.name, u.chart.ChartFullPath()+"/"))
}

func (r *run) include(set *template.Template, name string, data any) (string, error) {
	if r.included[name] > maxInclude {
		return "", fmt.Errorf("template %q includes itself without end", name)
	}
	r.included[name]++
	defer func() { r.included[name]-- }()
	var b strings.Builder
	err := set.ExecuteTemplate(&b, name, data)
	return b.String(), err
}
