package directory_test

import (
	"testing"
	"testing/fstest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/directory"
)

// FuzzFolders reads a folder with any manifest, JSON file and globs: what comes back is objects with places, or a Fault.
func FuzzFolders(f *testing.F) {
	const one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	f.Add(one, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}`, "*.yaml", "")
	f.Add(one+"---\n"+one+"...\n# "+one, `[{"kind": "List"}]`, "{a,b}.*", "**")
	f.Add("\xff\xfea\x00", "{}{}", "[", "]")
	f.Add("+argocd:skip-file-rendering", `{"items": [1], "kind": "XList"}`, "", "\\")
	f.Fuzz(func(t *testing.T, yaml, json, include, exclude string) {
		if len(yaml)+len(json) > 4000 || len(include)+len(exclude) > 200 {
			t.Skip("may take more time than a worker has, which is not this test's matter")
		}
		got, err := directory.Render(t.Context(), fstest.MapFS{"app/a.yaml": {Data: []byte(yaml)}, "app/b.json": {Data: []byte(json)}},
			directory.Request{Path: "app", Options: argo.ApplicationSourceDirectory{Include: include, Exclude: exclude, Recurse: true}})
		if err != nil {
			fault, ok := object.AsFault(err)
			if !ok || fault.File == "" && fault.Field == "" || fault.Message == "" || fault.Line < 0 {
				t.Errorf("%#v", err)
			}
			return
		}
		for _, o := range got.Objects {
			if o.GetKind() == "" || o.Place.File == "" {
				t.Errorf("an object without a kind or a place: %v", o)
			}
		}
	})
}
