package settings_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/settings"
)

func TestSchemesOfValueFiles(t *testing.T) {
	for text, want := range map[string][]string{"": nil, "https": {"https"}, "https, http": {"https", "http"}} {
		m := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: settings.ConfigMapName}, Data: map[string]string{"helm.valuesFileSchemes": text}}
		got, errs := settings.Decode([]corev1.ConfigMap{m}, nil)
		if !slices.Equal(got.ValuesFileSchemes, want) || len(errs) > 0 {
			t.Errorf("%q: %v, %v", text, got.ValuesFileSchemes, errs)
		}
	}
}
