package settings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/settings"
)

func TestRBAC(t *testing.T) {
	maps := []corev1.ConfigMap{
		{ObjectMeta: metav1.ObjectMeta{Name: settings.RBACName}, Data: map[string]string{
			"policy.csv": "g, a, role:admin", "policy.b.csv": "third", "policy.a.csv": "second", "policy.matchMode": "regex",
			"policy.default": "role:readonly", "scopes": "[email, groups]", "policy.note": "not a policy",
		}},
		{ObjectMeta: metav1.ObjectMeta{Name: settings.ConfigMapName}, Data: map[string]string{
			"accounts.ci": "apiKey", "accounts.ci.enabled": "true", "accounts.bob": "login",
		}},
	}
	got, errs := settings.Decode(maps, nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := settings.RBAC{Policy: "g, a, role:admin\nsecond\nthird", Default: "role:readonly", MatchMode: "regex", Scopes: []string{"email", "groups"}}
	if diff := cmp.Diff(want, got.RBAC); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"bob", "ci"}, got.Accounts); diff != "" {
		t.Error(diff)
	}
}

func TestRBACThatCannotBeRead(t *testing.T) {
	for key, value := range map[string]string{"policy.matchMode": "exact", "scopes": "{a: b}"} {
		got, err := settings.DecodeRBAC(map[string]string{key: value, "policy.csv": "x"})
		if err == nil {
			t.Errorf("%s: %s is taken", key, value)
		}
		if diff := cmp.Diff(settings.RBAC{Policy: "x"}, got); diff != "" {
			t.Error(diff)
		}
	}
}
