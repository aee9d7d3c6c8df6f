package appset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// application fills one set of parameters into a template.
func (r *run) application(template *argo.ApplicationSetTemplate, set params) (*argo.Application, error) {
	app := &argo.Application{
		ObjectMeta: metav1.ObjectMeta{
			Name: template.Name, Labels: template.Labels, Annotations: template.Annotations, Finalizers: template.Finalizers,
		},
		Spec: template.Spec,
	}
	app = app.DeepCopy()
	set, _ = clone(map[string]any(set)).(map[string]any) // templates may change what they are given
	// Without any parameter Argo CD takes the template as it is, and adds no finalizer either. To add one here would let the deletion
	// of the application delete what it deployed, where it did not before.
	if len(set) > 0 {
		var err error
		if app, err = r.fillApplication(app, set); err != nil {
			return nil, err
		}
		if len(app.Finalizers) == 0 && !r.preserves() {
			app.Finalizers = []string{resourcesFinalizer}
		}
	}
	if r.set.Spec.TemplatePatch != nil {
		var err error
		if app, err = r.patched(app, set); err != nil {
			return nil, within("spec.templatePatch", err)
		}
	}
	app.TypeMeta = typeMeta
	app.Namespace = r.set.Namespace
	return app, nil
}

// resourcesFinalizer lets the deletion of an application delete what it deployed.
const resourcesFinalizer = "resources-finalizer.argocd.argoproj.io"

func (r *run) preserves() bool {
	return r.set.Spec.SyncPolicy != nil && r.set.Spec.SyncPolicy.PreserveResourcesOnDeletion
}

// fillApplication goes by way of JSON, so that free-form values are filled like all others.
func (r *run) fillApplication(app *argo.Application, set params) (*argo.Application, error) {
	raw, err := json.Marshal(app)
	if err != nil {
		return nil, fmt.Errorf("filling the template of %s: %w", r.set.Name, err)
	}
	tree, err := parseJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("filling the template of %s: %w", r.set.Name, err)
	}
	out, err := r.text.walk(tree, set, "spec.template")
	if err != nil {
		return nil, err
	}
	if raw, err = json.Marshal(out); err != nil {
		return nil, fmt.Errorf("filling the template of %s: %w", r.set.Name, err)
	}
	made := new(argo.Application)
	if err := json.Unmarshal(raw, made); err != nil {
		return nil, fault("spec.template", "it does not make an application: %v", err)
	}
	return made, nil
}

// patched applies the set's patch, filled. A patch cannot take an application into another project.
func (r *run) patched(app *argo.Application, set params) (*argo.Application, error) {
	text := *r.set.Spec.TemplatePatch
	if len(text) > maxFile {
		return nil, fault("", "a patch may have %d KiB", maxFile>>10)
	}
	text, err := r.text.fill(text, set)
	if err != nil {
		return nil, err
	}
	patch, err := r.patchJSON(text)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(patch, []byte("null")) {
		return app, nil // a condition was not met and left nothing
	}
	if err := json.Unmarshal(patch, new(argo.Application)); err != nil {
		return nil, fault("", "this is no patch of an application: %v", err)
	}
	raw, err := json.Marshal(app)
	if err != nil {
		return nil, fmt.Errorf("patching %s: %w", app.Name, err)
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(argo.Application{})
	if err != nil {
		return nil, fmt.Errorf("patching %s: %w", app.Name, err)
	}
	if raw, err = strategicpatch.StrategicMergePatchUsingLookupPatchMeta(raw, patch, lenient{schema}); err != nil {
		return nil, fault("", "the patch cannot be applied: %v", err)
	}
	made := new(argo.Application)
	if err := json.Unmarshal(raw, made); err != nil {
		return nil, fault("", "the patch does not leave an application: %v", err)
	}
	made.Spec.Project = app.Spec.Project
	made.Operation, made.Status = nil, argo.ApplicationStatus{}
	return made, nil
}

func (r *run) patchJSON(text string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return []byte(text), nil
	}
	var v any
	if err := r.decode([]byte(text), &v); err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON([]byte(text))
}

// lenient merges what the schema does not describe, such as Helm's valuesObject, as JSON merge patches do: objects key by key, lists
// as a whole.
type lenient struct {
	known strategicpatch.PatchMetaFromStruct
}

func (s lenient) LookupPatchMetadataForStruct(key string) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	sub, meta, err := s.known.LookupPatchMetadataForStruct(key)
	return s.next(sub, meta, err)
}

func (s lenient) LookupPatchMetadataForSlice(key string) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	sub, meta, err := s.known.LookupPatchMetadataForSlice(key)
	return s.next(sub, meta, err)
}

func (s lenient) next(sub strategicpatch.LookupPatchMeta, meta strategicpatch.PatchMeta, err error) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	known, ok := sub.(strategicpatch.PatchMetaFromStruct)
	if err != nil || !ok || known.T == nil || known.T.Kind() != reflect.Struct {
		return free{}, strategicpatch.PatchMeta{}, nil
	}
	return lenient{known}, meta, nil
}

func (s lenient) Name() string { return s.known.Name() }

// free is the schema of anything.
type free struct{}

func (f free) LookupPatchMetadataForStruct(string) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	return f, strategicpatch.PatchMeta{}, nil
}

func (f free) LookupPatchMetadataForSlice(string) (strategicpatch.LookupPatchMeta, strategicpatch.PatchMeta, error) {
	return f, strategicpatch.PatchMeta{}, nil
}

func (free) Name() string { return "free form" }

var (
	_ strategicpatch.LookupPatchMeta = lenient{}
	_ strategicpatch.LookupPatchMeta = free{}
)
