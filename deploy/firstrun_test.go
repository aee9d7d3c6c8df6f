package deploy

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

func TestFirstRunMayOnlyMakeSecrets(t *testing.T) {
	rules := find[*rbacv1.Role](t, build(t, "first-run")).Rules
	if len(rules) != 1 || !slices.Equal(rules[0].Resources, []string{"secrets"}) || !slices.Equal(rules[0].Verbs, []string{"create"}) {
		t.Errorf("the first run may %+v", rules)
	}
}
