// Package helm renders charts as `helm template --include-crds` does, by a thin driver of our own over text/template: loading,
// values and capabilities are Helm's own code, while the templates are run by ours, which keeps parsed templates, ends a
// recursion where it stands in a file, and can make random functions repeatable.
//
// It runs within a worker: a hostile chart costs at most that process.
package helm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Files is a repository.
type Files interface {
	fs.ReadFileFS
	fs.ReadDirFS
	fs.StatFS
}

// Sealed is a repository that knows what its folders hold without reading them.
type Sealed interface {
	// Seal is the same for folders that hold the same, at any depth; empty where that is not known, such as where links lie within.
	Seal(dir string) string
	// Again notes that files were read and folders listed, by whoever remembers them.
	Again(files, folders []string)
}

// Request is a chart and what it is rendered with. Build variables are replaced in Options already.
type Request struct {
	Path        string // of the chart, from the repository's root
	Release     string // the release's name, if the options give none
	Namespace   string // the release's, if the options give none
	Options     argo.ApplicationSourceHelm
	KubeVersion string           // of the destination; empty for Helm's default
	APIVersions []string         // of the destination
	Refs        map[string]Files // what $name in value files means
	Seed        []byte           // makes random functions repeatable; empty for real randomness
	At          func(file string)
	// Fetch finds what the chart needs from elsewhere; not ok is that it is not at hand: then all that is needed is asked for, and the
	// render ends with ErrLacking. Nil fetches nothing.
	Fetch func(Wanted) (Files, bool)
	// URLSchemes are those of the URLs that value files may have; nil is https.
	URLSchemes []string
}

// Result is what a chart renders.
type Result struct {
	Objects  []object.Object
	Warnings []string
	// Random says that another render of the same would differ: random or clock functions were called without a seed.
	Random bool
}

// Driver renders charts. It keeps the charts and the templates that it has parsed and the documents that it has read, and is not safe for
// concurrent use. The objects that it yields may be those of an earlier render, too, and must not be changed.
type Driver struct {
	charts charts
	parsed parsedCache
	read   documents
}

// Render renders a chart. A Fault in the error's chain says what its authors must mend.
func (d *Driver) Render(ctx context.Context, files Files, req Request) (Result, error) {
	if req.At == nil {
		req.At = func(string) {}
	}
	release := req.Options.ReleaseName
	if release == "" {
		release = req.Release
	}
	if err := chartutil.ValidateReleaseName(release); err != nil {
		return Result{}, &object.Fault{Field: "spec.source.helm.releaseName", Message: fmt.Sprintf("%q is no release name: %v", release, err),
			Hint: "set helm.releaseName to a name of at most 53 lower-case letters, digits and dashes"}
	}
	need := &needs{fetch: req.Fetch}
	c, err := d.charts.load(ctx, files, req.Path, need)
	if err != nil {
		return Result{}, err
	}
	values, err := mergeValues(files, req, need)
	if err != nil {
		return Result{}, err
	}
	if need.lacking {
		return Result{}, ErrLacking
	}
	caps, err := capabilities(req)
	if err != nil {
		return Result{}, err
	}
	if v := c.chart.Metadata.KubeVersion; v != "" && !chartutil.IsCompatibleRange(v, caps.KubeVersion.String()) {
		return Result{}, c.fault("Chart.yaml", "kubeVersion", fmt.Sprintf("the chart requires Kubernetes %s, the destination has %s", v, caps.KubeVersion.String()))
	}
	if err := chartutil.ProcessDependenciesWithMerge(c.chart, values); err != nil {
		return Result{}, c.fault("Chart.yaml", "dependencies", err.Error())
	}
	c.confineSchemas(c.chart)
	merged, err := c.coalesced(values, !req.Options.SkipSchemaValidation)
	if err != nil {
		return Result{}, c.fault("values.schema.json", "", err.Error())
	}
	about := map[string]any{"Name": release, "Namespace": namespace(req), "Revision": 1, "IsInstall": true, "IsUpgrade": false, "Service": "Helm"}
	top := chartutil.Values{"Values": merged, "Capabilities": caps, "Release": about}
	run := &run{chart: c, seed: req.Seed, at: req.At}
	rendered, err := run.all(ctx, &d.parsed, top)
	if err != nil {
		return Result{}, err
	}
	result := Result{Warnings: append(c.warnings, run.random.warnings()...), Random: len(req.Seed) == 0 && len(run.random.used) > 0}
	result.Objects, err = collect(c, &d.read, rendered, req.Options)
	return result, err
}

func namespace(req Request) string {
	if req.Options.Namespace != "" {
		return req.Options.Namespace
	}
	if req.Namespace != "" {
		return req.Namespace
	}
	return "default"
}

func capabilities(req Request) (*chartutil.Capabilities, error) {
	caps := chartutil.DefaultCapabilities.Copy()
	version := req.KubeVersion
	if req.Options.KubeVersion != "" {
		version = req.Options.KubeVersion
	}
	if version != "" {
		v, err := chartutil.ParseKubeVersion(plainVersion(version))
		if err != nil {
			return nil, &object.Fault{Field: "spec.source.helm.kubeVersion", Message: fmt.Sprintf("%q is no version: %v", version, err)}
		}
		caps.KubeVersion = *v
	}
	extra := req.APIVersions
	if len(req.Options.APIVersions) > 0 {
		extra = req.Options.APIVersions
	}
	caps.APIVersions = append(append(chartutil.VersionSet{}, caps.APIVersions...), extra...)
	return caps, nil
}

// plainVersion cuts what a vendor adds: "v1.31.4-gke.1" and "1.31.4+k3s1" are 1.31.4 to a chart.
func plainVersion(v string) string {
	v, _, _ = strings.Cut(v, "-")
	v, _, _ = strings.Cut(v, "+")
	return v
}

// fileFault turns what the repository itself causes into a Fault at a file.
func fileFault(err error, name string) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return &object.Fault{Place: object.Place{File: name}, Message: p.Err.Error()}
	}
	return err
}
