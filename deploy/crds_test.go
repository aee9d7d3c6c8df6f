package deploy

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/go/packages"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-tools/pkg/crd"
	crdmarkers "sigs.k8s.io/controller-tools/pkg/crd/markers"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/controller-tools/pkg/markers"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the custom resource definitions that the Go types say")

const generatedHeader = `# Generated from the Go types in engine/api: change those, then run
#   go test ./deploy -run TestCRDsAreThoseOfTheTypes -update
`

func TestCRDsAreThoseOfTheTypes(t *testing.T) {
	want := generate(t)
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join("crds", name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	present, err := filepath.Glob("crds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range present {
		name := filepath.Base(p)
		if _, ok := want[name]; !ok && name != "kustomization.yaml" {
			t.Errorf("%s: no type says this definition", p)
		}
	}
	for name, text := range want {
		have, err := os.ReadFile(filepath.Join("crds", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(have, text) {
			t.Errorf("crds/%s is not what the types say; run this test with -update (-checked in, +types)\n%s",
				name, firstLines(cmp.Diff(string(have), string(text)), 40))
		}
	}
}

// generate derives the definitions, file name to text, from the Go types.
func generate(t *testing.T) map[string][]byte {
	t.Helper()
	roots, err := loader.LoadRoots("../engine/api/argo/v1alpha1", "../engine/api/slipway/v1alpha1")
	if err != nil {
		t.Fatal(err)
	}
	registry := &markers.Registry{}
	if err := crdmarkers.Register(registry); err != nil {
		t.Fatal(err)
	}
	parser := &crd.Parser{
		Collector: &markers.Collector{Registry: registry},
		Checker:   &loader.TypeChecker{},
	}
	crd.AddKnownTypes(parser)
	for _, root := range roots {
		parser.NeedPackage(root)
	}
	files := map[string][]byte{}
	// Parts that the loader does not need stay unparsed, which it reports as
	// type errors; the compiler has the last word on those.
	for _, kind := range crd.FindKubeKinds(parser, crd.FindMetav1(roots)) {
		parser.NeedCRDFor(kind, nil)
		parsed := parser.CustomResourceDefinitions[kind]
		definition := *parsed.DeepCopy()
		crd.FixTopLevelMetadata(definition)
		files[definition.Name+".yaml"] = render(t, &definition)
	}
	if loader.PrintErrors(roots, packages.TypeError) {
		t.Fatal("the types have errors, printed above")
	}
	return files
}

func render(t *testing.T, definition *apiextensionsv1.CustomResourceDefinition) []byte {
	t.Helper()
	definition.Labels = map[string]string{"app.kubernetes.io/part-of": "slipway"}
	for i := range definition.Spec.Versions {
		root := definition.Spec.Versions[i].Schema.OpenAPIV3Schema
		root.Properties["metadata"] = apiextensionsv1.JSONSchemaProps{Type: "object"}
		if spec, ok := root.Properties["spec"]; ok && definition.Spec.Names.Kind == "ApplicationSet" {
			spec.Properties["generators"] = withoutNestedDescriptions(spec.Properties["generators"], 3)
			root.Properties["spec"] = spec
		}
	}
	// Only what is ours: no status, and no creation time where the type would
	// write an empty one.
	text, err := yaml.Marshal(struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        map[string]any                               `json:"metadata"`
		Spec            apiextensionsv1.CustomResourceDefinitionSpec `json:"spec"`
	}{
		TypeMeta: metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
		Metadata: map[string]any{"name": definition.Name, "labels": definition.Labels},
		Spec:     definition.Spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(generatedHeader), text...)
}

// withoutNestedDescriptions drops the descriptions below a depth of properties.
// The schema of an application stands in an ApplicationSet two dozen times; with
// its descriptions each time, the definition would be too large to store.
func withoutNestedDescriptions(s apiextensionsv1.JSONSchemaProps, depth int) apiextensionsv1.JSONSchemaProps {
	if depth < 0 {
		s.Description = ""
	}
	for name, p := range s.Properties {
		s.Properties[name] = withoutNestedDescriptions(p, depth-1)
	}
	if s.Items != nil && s.Items.Schema != nil {
		item := withoutNestedDescriptions(*s.Items.Schema, depth)
		s.Items.Schema = &item
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		value := withoutNestedDescriptions(*s.AdditionalProperties.Schema, depth)
		s.AdditionalProperties.Schema = &value
	}
	return s
}

func firstLines(s string, n int) string {
	lines := bytes.SplitAfterN([]byte(s), []byte("\n"), n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	return string(bytes.Join(lines, nil))
}
