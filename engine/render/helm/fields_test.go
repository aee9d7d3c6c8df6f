package helm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/helm"
)

// TestFieldsOfTheHelmBlock has each field that is no value change what it is there to change.
func TestFieldsOfTheHelmBlock(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"chart/Chart.yaml":          "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.schema.json":  `{"properties": {"port": {"type": "integer"}}}`,
		"chart/crds/widget.yaml":    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\n",
		"chart/templates/test.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\n",
		"chart/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\ndata: {kube: {{ .Capabilities.KubeVersion.Version }}, " +
			"own: \"{{ .Capabilities.APIVersions.Has \"example.com/v1\" }}\", given: \"{{ .Capabilities.APIVersions.Has \"given.example.com/v1\" }}\", builtin: \"{{ .Capabilities.APIVersions.Has \"apps/v1\" }}\"}\n",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		options argo.ApplicationSourceHelm
		kinds   string
		want    string
	}{
		"none":                 {argo.ApplicationSourceHelm{}, "CustomResourceDefinition ConfigMap Pod", "web shop v1.31.4 true false true"},
		"releaseName":          {argo.ApplicationSourceHelm{ReleaseName: "other"}, "CustomResourceDefinition ConfigMap Pod", "other shop v1.31.4 true false true"},
		"namespace":            {argo.ApplicationSourceHelm{Namespace: "mine"}, "CustomResourceDefinition ConfigMap Pod", "web mine v1.31.4 true false true"},
		"kubeVersion":          {argo.ApplicationSourceHelm{KubeVersion: "v1.27.9-gke.1"}, "CustomResourceDefinition ConfigMap Pod", "web shop v1.27.9 true false true"},
		"apiVersions":          {argo.ApplicationSourceHelm{APIVersions: []string{"given.example.com/v1"}}, "CustomResourceDefinition ConfigMap Pod", "web shop v1.31.4 false true true"},
		"skipCrds":             {argo.ApplicationSourceHelm{SkipCrds: true}, "ConfigMap Pod", "web shop v1.31.4 true false true"},
		"skipTests":            {argo.ApplicationSourceHelm{SkipTests: true}, "CustomResourceDefinition ConfigMap", "web shop v1.31.4 true false true"},
		"skipSchemaValidation": {argo.ApplicationSourceHelm{SkipSchemaValidation: true, Values: "port: many"}, "CustomResourceDefinition ConfigMap Pod", "web shop v1.31.4 true false true"},
		"version":              {argo.ApplicationSourceHelm{Version: "v3"}, "CustomResourceDefinition ConfigMap Pod", "web shop v1.31.4 true false true"},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, disk{os.DirFS(dir)}, request(c.options))
			var kinds []string
			for _, o := range got.Objects {
				kinds = append(kinds, o.GetKind())
			}
			if strings.Join(kinds, " ") != c.kinds {
				t.Errorf("kinds %v, want %s", kinds, c.kinds)
			}
			o := got.Objects[slices.Index(kinds, "ConfigMap")]
			data := o.Object["data"].(map[string]any)
			said := []string{o.GetName(), o.GetNamespace()}
			for _, key := range []string{"kube", "own", "given", "builtin"} {
				said = append(said, data[key].(string))
			}
			if strings.Join(said, " ") != c.want {
				t.Errorf("it sees %v, want %s", said, c.want)
			}
		})
	}
	for field, o := range map[string]argo.ApplicationSourceHelm{
		"values.schema.json": {Values: "port: many"}, "helm.version": {Version: "v2"}, "helm.kubeVersion": {KubeVersion: "newest"}, "helm.releaseName": {ReleaseName: "A"},
	} {
		var d helm.Driver
		_, err := d.Render(t.Context(), disk{os.DirFS(dir)}, request(o))
		if f, ok := object.AsFault(err); !ok || !strings.Contains(f.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
