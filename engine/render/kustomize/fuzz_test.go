package kustomize_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// FuzzKustomizations gives the renderer any kustomization, resource, image and build options: what comes back is objects, a Fault that says
// where, or the wish for something that lies elsewhere.
func FuzzKustomizations(f *testing.F) {
	const resource = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	for _, c := range [][4]string{
		{"resources: [a.yaml]\n", resource, "", ""},
		{"resources: [a.yaml]\nimages: [{name: x, newTag: '1'}]\n", resource, "x=y:2@sha256:abc", "--reorder legacy"},
		{"resources:\n- a.yaml\n- https://host.example/org/repo//base?ref=v1\n", resource, "x:*", "--enable-helm --load-restrictor=LoadRestrictionsNone"},
		{"helmCharts: [{name: x, repo: 'https://host.example', version: 1.0.0, valuesInline: {a: [1]}}]\n", resource, "@", "--enable-helm"},
		{"patches: [{path: a.yaml, target: {kind: X}}]\nreplacements: [{path: a.yaml}]\n", "- op: add\n", ":", "--helm-kube-version"},
		{"configMapGenerator: [{name: x, files: [k=a.yaml, a.yaml], envs: [a.yaml], literals: [a=b], behavior: merge}]\n", "A=b\n", "=", "--as-current-user"},
		{"transformers: [a.yaml]\n", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: ../x\n", "x@y:z=", "-o x '"},
		{"resources: [.]\n", resource, "x", ""}, {"&a resources: *a\n", resource, "x", "\""}, {"- a\n", "", "x", "--"}, {"resources: [a.yaml]\nnamespace: ?\nvars: [{}]\n", "{}", "x", "-"},
	} {
		f.Add(c[0], c[1], c[2], c[3])
	}
	f.Fuzz(func(t *testing.T, text, resource, image, flags string) {
		if strings.Count(text, "*")+strings.Count(resource, "*") > 20 || len(text)+len(resource) > 4000 {
			t.Skip("may take more time or memory than a worker has, which is not this test's matter")
		}
		req := kustomize.Request{Path: "app", Settings: kustomize.Settings{BuildOptions: flags},
			Fetch: func(kustomize.Wanted) (kustomize.Files, bool) { return nil, false }}
		if image != "" {
			req.Options.Images = argo.KustomizeImages{argo.KustomizeImage(image)}
		}
		got, err := kustomize.Render(t.Context(), memory{fstest.MapFS{"app/kustomization.yaml": {Data: []byte(text)}, "app/a.yaml": {Data: []byte(resource)}}}, req)
		if fault, ok := object.AsFault(err); ok {
			if fault.File == "" && fault.Field == "" || fault.Message == "" || fault.Line < 0 {
				t.Errorf("a fault without a place: %#v", fault)
			}
			return
		}
		if err != nil && !errors.Is(err, kustomize.ErrLacking) {
			t.Errorf("an error of ours: %v", err)
		}
		for _, o := range got.Objects {
			if o.GetKind() == "" || o.Place.File == "" {
				t.Errorf("an object without a kind or a place: %v", o)
			}
		}
	})
}
