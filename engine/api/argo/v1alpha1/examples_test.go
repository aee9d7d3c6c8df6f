package v1alpha1_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/deploy"
	"github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

var examplesFolder = flag.String("examples", "testdata", "folder of manifests to hold against the resources; others in it are skipped")

// example is one document of a manifest.
type example struct {
	name string // file and metadata.name
	kind string
	text []byte // JSON
}

func (e example) object(t *testing.T) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(e.text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestExamplesAreAcceptedWithoutAnUnknownField(t *testing.T) {
	schemas := loadSchemas(t)
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			s := schemas[e.kind]
			if errs := validation.ValidateCustomResource(nil, e.object(t), s.validator); len(errs) > 0 {
				t.Errorf("invalid: %v", errs)
			}
			if unknown := s.unknownFields(e.object(t)); len(unknown) > 0 {
				t.Errorf("unknown fields: %v", unknown)
			}
			if err := yaml.UnmarshalStrict(e.text, newObject(e.kind)); err != nil {
				t.Errorf("decoding: %v", err)
			}
		})
	}
}

func TestExamplesSurviveTheGoTypes(t *testing.T) {
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			object := newObject(e.kind)
			if err := json.Unmarshal(e.text, object); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(object.DeepCopyObject())
			if err != nil {
				t.Fatal(err)
			}
			var have map[string]any
			if err := json.Unmarshal(text, &have); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(withoutZeros(e.object(t)), withoutZeros(have)); diff != "" {
				t.Errorf("after decoding and encoding (-before, +after):\n%s", diff)
			}
		})
	}
}

// withoutZeros drops false, 0, "" and null, which the Go types do not tell from
// absent fields, and objects that hold nothing else. Empty lists and maps of
// strings matter (see testdata) and are not dropped where they are a field.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for k, child := range v {
			c := withoutZeros(child)
			if isZero(c) && k != "map" {
				continue
			}
			kept[k] = c
		}
		return kept
	case []any:
		kept := make([]any, 0, len(v))
		for _, child := range v {
			kept = append(kept, withoutZeros(child))
		}
		return kept
	default:
		return v
	}
}

func isZero(v any) bool {
	m, isMap := v.(map[string]any)
	return v == nil || v == false || v == "" || v == float64(0) || isMap && len(m) == 0
}

// TestExamplesUseEveryField keeps the examples honest: a field that none of
// them sets would be accepted or lost unseen.
func TestExamplesUseEveryField(t *testing.T) {
	if *examplesFolder != "testdata" {
		t.Skip("only the examples of our own are meant to be complete")
	}
	set, all := map[string]bool{}, map[string]bool{}
	for _, e := range examples(t) {
		object := newObject(e.kind)
		if err := json.Unmarshal(e.text, object); err != nil {
			t.Fatal(err)
		}
		markSet(reflect.ValueOf(object), set)
	}
	for _, kind := range []string{v1alpha1.ApplicationKind, v1alpha1.AppProjectKind, v1alpha1.ApplicationSetKind} {
		markAll(reflect.TypeOf(newObject(kind)), all)
	}
	if len(all) < 250 {
		t.Fatalf("found %d fields: the walk is broken", len(all))
	}
	for field := range all {
		if !set[field] {
			t.Errorf("no example sets %s", field)
		}
	}
}

func markSet(v reflect.Value, set map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			markSet(v.Elem(), set)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			markSet(v.Index(i), set)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			markSet(v.MapIndex(k), set)
		}
	case reflect.Struct:
		if !ours(v.Type()) {
			return
		}
		for i := range v.NumField() {
			// A pointer or list that is there is set, whatever it holds.
			if !v.Field(i).IsZero() {
				set[v.Type().Name()+"."+v.Type().Field(i).Name] = true
				markSet(v.Field(i), set)
			}
		}
	}
}

func markAll(typ reflect.Type, all map[string]bool) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		markAll(typ.Elem(), all)
	case reflect.Struct:
		if !ours(typ) {
			return
		}
		for i := range typ.NumField() {
			name := typ.Name() + "." + typ.Field(i).Name
			if !all[name] {
				all[name] = true
				markAll(typ.Field(i).Type, all)
			}
		}
	}
}

func ours(typ reflect.Type) bool {
	return strings.HasSuffix(typ.PkgPath(), "engine/api/argo/v1alpha1")
}

func TestNestedGeneratorsHaveTheirForm(t *testing.T) {
	nested := 0
	for _, e := range examples(t) {
		if e.kind != v1alpha1.ApplicationSetKind {
			continue
		}
		var set v1alpha1.ApplicationSet
		if err := json.Unmarshal(e.text, &set); err != nil {
			t.Fatal(err)
		}
		for _, g := range set.Spec.Generators {
			var inner []v1alpha1.ApplicationSetNestedGenerator
			if g.Matrix != nil {
				inner = append(inner, g.Matrix.Generators...)
			}
			if g.Merge != nil {
				inner = append(inner, g.Merge.Generators...)
			}
			for _, n := range inner {
				nested += decodeNested(t, e.name, n)
			}
		}
	}
	if nested == 0 && *examplesFolder == "testdata" {
		t.Error("no example nests generators twice")
	}
}

func decodeNested(t *testing.T, name string, n v1alpha1.ApplicationSetNestedGenerator) int {
	t.Helper()
	found := 0
	if n.Matrix != nil {
		found++
		var matrix v1alpha1.NestedMatrixGenerator
		if err := yaml.UnmarshalStrict(n.Matrix.Raw, &matrix); err != nil || len(matrix.Generators) == 0 {
			t.Errorf("%s: nested matrix with %d generators: %v", name, len(matrix.Generators), err)
		}
	}
	if n.Merge != nil {
		found++
		var merge v1alpha1.NestedMergeGenerator
		if err := yaml.UnmarshalStrict(n.Merge.Raw, &merge); err != nil || len(merge.Generators) == 0 {
			t.Errorf("%s: nested merge with %d generators: %v", name, len(merge.Generators), err)
		}
	}
	return found
}

func TestUnknownFieldsSurviveUnderSpecAtEveryLevel(t *testing.T) {
	const text = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: newer}
spec:
  project: default
  future: 1
  source:
    repoURL: https://git.example.com/shop/deploy.git
    future: {a: b}
    helm: {future: true, parameters: [{name: a, future: x}]}
    kustomize: {future: [1], patches: [{target: {future: y}}]}
  destination: {server: https://kubernetes.default.svc, future: z}
  syncPolicy: {future: 2, automated: {future: 3}}
status:
  future: dropped
`
	s := loadSchemas(t)[v1alpha1.ApplicationKind]
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	want := runtime.DeepCopyJSON(object)
	want["status"] = map[string]any{}
	pruned := pruning.PruneWithOptions(object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if diff := cmp.Diff([]string{"status.future"}, pruned); diff != "" {
		t.Errorf("pruned fields (-want, +have):\n%s", diff)
	}
	if diff := cmp.Diff(want, object); diff != "" {
		t.Errorf("what is stored (-want, +have):\n%s", diff)
	}
	if unknown := s.unknownFields(want); len(unknown) != 9 {
		t.Errorf("the strict schema must notice the 9 unknown fields, it noticed %d: %v", len(unknown), unknown)
	}
}

func TestWhatArgoCDRefusesIsRefused(t *testing.T) {
	cases := []struct{ name, text string }{
		{"application without a destination", `{kind: Application, metadata: {name: a}, spec: {project: p}}`},
		{"source without a repository", `{kind: Application, metadata: {name: a}, spec: {project: p, destination: {}, source: {path: a}}}`},
		{"hydration into the root", `{kind: Application, metadata: {name: a}, spec: {project: p, destination: {}, sourceHydrator: {drySource: {repoURL: r, targetRevision: m, path: p}, syncSource: {targetBranch: b, path: .}}}}`},
		{"string for a boolean", `{kind: Application, metadata: {name: a}, spec: {project: p, destination: {}, syncPolicy: {automated: {prune: "yes"}}}}`},
		{"number for a parameter", `{kind: Application, metadata: {name: a}, spec: {project: p, destination: {}, source: {repoURL: r, helm: {parameters: [{name: a, value: 1}]}}}}`},
		{"set without a template", `{kind: ApplicationSet, metadata: {name: a}, spec: {generators: []}}`},
		{"unknown policy of a set", `{kind: ApplicationSet, metadata: {name: a}, spec: {generators: [], template: {metadata: {}, spec: {project: p, destination: {}}}, syncPolicy: {applicationsSync: never}}}`},
		{"description that is too long", `{kind: AppProject, metadata: {name: a}, spec: {description: "` + strings.Repeat("x", 256) + `"}}`},
	}
	schemas := loadSchemas(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(c.text), &object); err != nil {
				t.Fatal(err)
			}
			s := schemas[object["kind"].(string)]
			if errs := validation.ValidateCustomResource(nil, object, s.validator); len(errs) == 0 {
				t.Error("accepted")
			}
		})
	}
}

type schemas map[string]kindSchema

type kindSchema struct {
	validator  validation.SchemaValidator
	structural *structuralschema.Structural // as installed
	strict     *structuralschema.Structural // knows no field that has no schema
}

// unknownFields lists the fields of object that no schema describes. It leaves
// object as it is.
func (s kindSchema) unknownFields(object map[string]any) []string {
	return pruning.PruneWithOptions(runtime.DeepCopyJSON(object), s.strict, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
}

func loadSchemas(t *testing.T) schemas {
	t.Helper()
	crds, err := deploy.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	all := schemas{}
	for _, crd := range crds {
		if crd.Spec.Group != v1alpha1.Group {
			continue
		}
		internal := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema, internal, nil); err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(internal)
		if err != nil {
			t.Fatal(err)
		}
		structural, err := structuralschema.NewStructural(internal)
		if err != nil {
			t.Fatal(err)
		}
		strict := structural.DeepCopy()
		forgetUnknownFields(strict)
		all[crd.Spec.Names.Kind] = kindSchema{validator: validator, structural: structural, strict: strict}
	}
	return all
}

// forgetUnknownFields turns the preservation off wherever fields are described.
// It stays on for free-form values.
func forgetUnknownFields(s *structuralschema.Structural) {
	(&structuralschema.Visitor{Structural: func(s *structuralschema.Structural) bool {
		if len(s.Properties) == 0 || !s.XPreserveUnknownFields {
			return false
		}
		s.XPreserveUnknownFields = false
		return true
	}}).Visit(s)
}

func newObject(kind string) runtime.Object {
	switch kind {
	case v1alpha1.ApplicationKind:
		return &v1alpha1.Application{}
	case v1alpha1.AppProjectKind:
		return &v1alpha1.AppProject{}
	case v1alpha1.ApplicationSetKind:
		return &v1alpha1.ApplicationSet{}
	default:
		return nil
	}
}

func examples(t *testing.T) []example {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(*examplesFolder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, f := range files {
		all = append(all, documents(t, f)...)
	}
	if len(all) < 15 {
		t.Fatalf("found %d examples in %s", len(all), *examplesFolder)
	}
	return all
}

func documents(t *testing.T, file string) []example {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		asJSON, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var o metav1.PartialObjectMetadata
		if err := json.Unmarshal(asJSON, &o); err != nil || newObject(o.Kind) == nil {
			if *examplesFolder == "testdata" {
				t.Fatalf("%s: a document of kind %q: %v", file, o.Kind, err)
			}
			continue
		}
		all = append(all, example{name: filepath.Base(file) + "/" + o.Name, kind: o.Kind, text: asJSON})
	}
}
