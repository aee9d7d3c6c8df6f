package helm_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/helm"
)

// FuzzCharts gives the driver any description, lock, values, value file's name and parameter of a chart whose templates are fixed: what
// comes back is objects, a Fault that says where, or the wish for something that lies elsewhere.
func FuzzCharts(f *testing.F) {
	const about = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	for _, c := range [][5]string{
		{about, "", "a: 1\n", "values.yaml", "a=2"},
		{about + "dependencies: [{name: sub, version: 1.x, repository: 'https://charts.example', condition: sub.on, alias: x, import-values: [{child: a, parent: b}]}]\n",
			"dependencies: [{name: sub, version: 1.0.0, repository: 'https://charts.example'}]\ndigest: x\n", "sub: {on: true}\n", "*.yaml", "a[0].b={c,d}"},
		{about + "dependencies: [{name: sub, version: '*', repository: 'file://charts/sub', tags: [x]}]\nkubeVersion: '>=1.2'\ntype: library\n", "{}", "tags: {x: no}\n", "**/[", "x\\.y=null"},
		{"apiVersion: v1\nname: ../x\nversion: 1\n", "[]", "[]", "$ref/values.yaml", "a..b="}, {"{", "", "a: &a [*a]\n", "https://host.example/v.yaml", "=,,"}, {"", "\x00", "? a\n", "../../x", "a[999999999]=1"},
	} {
		f.Add(c[0], c[1], c[2], c[3], c[4])
	}
	f.Fuzz(func(t *testing.T, about, lock, values, entry, parameter string) {
		if strings.Count(values+about+lock, "*") > 20 || len(about)+len(lock)+len(values) > 4000 {
			t.Skip("may take more time or memory than a worker has, which is not this test's matter")
		}
		files := disk{fstest.MapFS{"chart/Chart.yaml": {Data: []byte(about)}, "chart/values.yaml": {Data: []byte(values)}, "chart/charts/sub/Chart.yaml": {Data: []byte("apiVersion: v2\nname: sub\nversion: 1.0.0\n")},
			"chart/templates/a.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {v: {{ .Values | toJson | quote }}}\n")}}}
		if lock != "" {
			files.FS.(fstest.MapFS)["chart/Chart.lock"] = &fstest.MapFile{Data: []byte(lock)}
		}
		name, value, _ := strings.Cut(parameter, "=")
		req := request(argo.ApplicationSourceHelm{ValueFiles: []string{entry}, Parameters: []argo.HelmParameter{{Name: name, Value: value}}})
		req.Fetch = func(helm.Wanted) (helm.Files, bool) { return nil, false }
		var d helm.Driver
		got, err := d.Render(t.Context(), files, req)
		if fault, ok := object.AsFault(err); ok {
			if fault.File == "" && fault.Field == "" || fault.Message == "" || fault.Line < 0 {
				t.Errorf("a fault without a place: %#v", fault)
			}
			return
		}
		if err != nil && !errors.Is(err, helm.ErrLacking) {
			t.Errorf("an error of ours: %v", err)
		}
		for _, o := range got.Objects {
			if o.GetKind() == "" || o.Place.File == "" {
				t.Errorf("an object without a kind or a place: %v", o)
			}
		}
	})
}
