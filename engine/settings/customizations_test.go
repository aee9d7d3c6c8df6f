package settings

import (
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
		"resource.customizations.knownTypeFields.a.b_C":                   "- x",
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
