package render

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/helm"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// kustomize builds a kustomization, with charts that it names rendered by the worker's own Helm.
func (w *worker) kustomize(ctx context.Context, j job, files *kept, wants *wanting) (rendered, error) {
	req := kustomize.Request{Path: j.Path, Settings: j.Switches.Kustomize, KubeVersion: j.KubeVersion, APIVersions: j.APIVersions, At: w.board.write, Fetch: wants.kustomize}
	if j.Source.Kustomize != nil {
		req.Options = *j.Source.Kustomize
	}
	req.Inflate = func(ctx context.Context, c kustomize.Inflation) (kustomize.Inflated, error) {
		return w.inflate(ctx, c, helm.Request{Seed: j.Seed, At: w.board.write, URLSchemes: j.Switches.ValuesFileSchemes, Fetch: wants.helm})
	}
	r, err := kustomize.Render(ctx, files, req)
	return rendered{objects: r.Objects, warnings: r.Warnings, random: r.Random, tainted: r.Tainted}, err
}

// kustomize is fetch as kustomizations ask for it.
func (w *wanting) kustomize(want kustomize.Wanted) (kustomize.Files, bool) {
	m := Remote{Kind: RemoteKind(want.Kind), URL: want.URL, Chart: want.Chart, Version: want.Version}
	if slices.Contains(w.missing, m) {
		return nil, true
	}
	k := w.fetch(lack{Remote: m, Place: want.Place, Field: want.Field, Try: want.Try})
	if k == nil {
		return nil, false
	}
	return k, true
}

// valuesRef is the name by which a chart's values are handed to Helm.
const valuesRef = "values"

// inflate renders a chart of a kustomization as `helm template` would with the flags that kustomize gives it.
func (w *worker) inflate(ctx context.Context, c kustomize.Inflation, req helm.Request) (kustomize.Inflated, error) {
	var out kustomize.Inflated
	release, random, err := releaseName(c)
	if err != nil {
		return out, err
	}
	req.Path, req.Release, req.Namespace, req.KubeVersion, req.APIVersions = c.Path, release, c.Namespace, c.KubeVersion, c.APIVersions
	req.Options = argo.ApplicationSourceHelm{SkipCrds: !c.CRDs, SkipTests: c.SkipTests}
	values := pages{}
	for i, v := range c.Values {
		name := fmt.Sprintf("%d.yaml", i)
		values[name] = v.Text
		req.Options.ValueFiles = append(req.Options.ValueFiles, "$"+valuesRef+"/"+name)
	}
	req.Refs = map[string]helm.Files{valuesRef: values}
	r, err := w.driver.Render(ctx, c.Files, req)
	if f, ok := object.AsFault(err); ok {
		placed := *f
		for i, v := range c.Values {
			if f.File == fmt.Sprintf("$%s/%d.yaml", valuesRef, i) {
				return out, c.At(v.Name, f.Line, f.Message)
			}
		}
		if f.File == "" {
			placed.Field = strings.Replace(placed.Field, "spec.source.helm", "helmCharts", 1)
		}
		return out, &placed
	}
	out.Warnings, out.Random = r.Warnings, r.Random || random
	for _, o := range r.Objects {
		if _, isHook := o.GetAnnotations()["helm.sh/hook"]; !isHook || !c.SkipHooks {
			out.Objects = append(out.Objects, o)
		}
	}
	return out, err
}

// releaseName is the release's, which a template may make. random says that it makes another each time.
func releaseName(c kustomize.Inflation) (name string, random bool, err error) {
	if c.NameTemplate == "" {
		return c.Release, false, nil
	}
	funcs := sprig.TxtFuncMap()
	for _, seesProcess := range []string{"env", "expandenv", "getHostByName"} {
		delete(funcs, seesProcess)
	}
	t, err := template.New("nameTemplate").Funcs(funcs).Parse(c.NameTemplate)
	if err != nil {
		return "", false, &object.Fault{Field: "helmCharts.nameTemplate", Message: err.Error()}
	}
	var names [2]bytes.Buffer
	for i := range names {
		if err := t.Execute(&names[i], nil); err != nil {
			return "", false, &object.Fault{Field: "helmCharts.nameTemplate", Message: err.Error()}
		}
	}
	return names[0].String(), names[0].String() != names[1].String(), nil
}

// pages are texts as a tree of one folder.
type pages map[string][]byte

// ReadFile implements fs.ReadFileFS.
func (p pages) ReadFile(name string) ([]byte, error) {
	text, ok := p[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(text), nil
}

// Stat implements fs.StatFS.
func (p pages) Stat(name string) (fs.FileInfo, error) {
	text, err := p.ReadFile(name)
	return page{name: name, Reader: bytes.NewReader(text)}, err
}

// ReadDir implements fs.ReadDirFS. Nobody looks around in them.
func (p pages) ReadDir(name string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Open implements fs.FS.
func (p pages) Open(name string) (fs.File, error) {
	text, err := p.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return page{name: name, Reader: bytes.NewReader(text)}, nil
}

type page struct {
	name string
	*bytes.Reader
}

func (p page) Name() string               { return p.name }
func (p page) Mode() fs.FileMode          { return 0 }
func (p page) ModTime() time.Time         { return time.Time{} }
func (p page) IsDir() bool                { return false }
func (p page) Sys() any                   { return nil }
func (p page) Stat() (fs.FileInfo, error) { return p, nil }
func (p page) Close() error               { return nil }
