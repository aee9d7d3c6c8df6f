package settings_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/settings"
)

func TestKustomizeIsSetForAllAndForVersions(t *testing.T) {
	got, errs := settings.Decode([]corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: settings.ConfigMapName}, Data: map[string]string{
		"kustomize.buildOptions":        "--enable-helm",
		"kustomize.buildOptions.v4.5.7": "--load-restrictor LoadRestrictionsNone",
		"kustomize.path.v4.5.7":         "/custom-tools/kustomize_4_5",
		"kustomize.path.v3":             "/custom-tools/kustomize_3",
		"kustomize.enable":              "true",
	}}}, nil)
	if got.KustomizeBuildOptions != "--enable-helm" {
		t.Errorf("flags for all: %q", got.KustomizeBuildOptions)
	}
	want := map[string]settings.KustomizeVersion{
		"v4.5.7": {BuildOptions: "--load-restrictor LoadRestrictionsNone", Path: "/custom-tools/kustomize_4_5"},
		"v3":     {Path: "/custom-tools/kustomize_3"},
	}
	if diff := cmp.Diff(want, got.KustomizeVersions); diff != "" {
		t.Error(diff)
	}
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), "kustomize.path.v3") || !strings.Contains(errs[1].Error(), "kustomize.path.v4.5.7") {
		t.Errorf("said of programs that are not run: %v", errs)
	}
}
