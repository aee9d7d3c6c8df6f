package settings

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCustomizations(t *testing.T) {
	s, errs := Decode([]corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: ConfigMapName}, Data: map[string]string{
		"resource.customizations": "\"*.crossplane.io/*\":\n  health.lua: return {}\n  health.lua.useOpenLibs: true\n" +
			"a.b/C:\n  health.lua: old\n  actions: 'discovery.lua: x'\nd.e/F:\n  ignoreDifferences: 'jsonPointers: [/x]'\n",
		"resource.customizations.health.a.b_C":                            "new",
		"resource.customizations.health.cert-manager.io_Certificate":      "script",
		"resource.customizations.useOpenLibs.cert-manager.io_Certificate": "true",
		"resource.customizations.actions.apps_Deployment":                 "definitions: []",
		"resource.customizations.health.Pod":                              "core",
		"resource.customizations.useOpenLibs.Pod":                         "perhaps",
		"resource.customizations.ignoreDifferences.all":                   "jsonPointers: [/y]",
	}}}, nil)
	want := map[string]Customization{
		"*.crossplane.io/*":           {Health: "return {}", OpenLibs: true},
		"a.b/C":                       {Health: "new", Actions: "discovery.lua: x"},
		"cert-manager.io/Certificate": {Health: "script", OpenLibs: true},
		"apps/Deployment":             {Actions: "definitions: []"},
		"Pod":                         {Health: "core"},
	}
	if diff := cmp.Diff(want, s.Customizations); diff != "" {
		t.Error(diff)
	}
	if len(errs) != 1 {
		t.Errorf("errors: %v", errs)
	}
	if none, errs := Decode(nil, nil); len(none.Customizations) != 0 || len(errs) != 0 {
		t.Errorf("without any: %v %v", none.Customizations, errs)
	}
}

func TestKnownFields(t *testing.T) {
	s, errs := Decode([]corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: ConfigMapName}, Data: map[string]string{
		"resource.customizations":                               "d.e/F:\n  knownTypeFields:\n  - {field: spec.pod, type: core/v1/PodSpec}\n",
		"resource.customizations.knownTypeFields.a.b_C":         "- field: spec.size\n  type: core/Quantity\n- field: spec.every\n  type: meta/v1/Duration\n",
		"resource.customizations.knownTypeFields.bad.example_X": "field: none",
	}}}, nil)
	want := []KnownField{{"a.b", "C", "spec.every", "meta/v1/Duration"}, {"a.b", "C", "spec.size", "core/Quantity"}, {"d.e", "F", "spec.pod", "core/v1/PodSpec"}}
	if diff := cmp.Diff(want, s.Comparing.Known); diff != "" {
		t.Error(diff)
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "knownTypeFields.bad.example_X") {
		t.Errorf("errors: %v", errs)
	}
}
