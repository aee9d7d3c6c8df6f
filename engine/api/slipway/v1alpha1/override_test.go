package v1alpha1_test

import (
	"strconv"
	"testing"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

func TestOverridden(t *testing.T) {
	s := slipway.PullRequestStatus{}
	s.AddOverride(slipway.Override{Guard: "pvc", Head: "a", By: "alice", Environments: []string{"staging"}})
	s.AddOverride(slipway.Override{Guard: "image", Head: "a", By: "bob"})
	for _, c := range []struct {
		guard, environment, head string
		by                       string
	}{
		{"pvc", "staging", "a", "alice"}, {"pvc", "prod", "a", ""}, {"pvc", "", "a", ""}, {"pvc", "staging", "b", ""},
		{"image", "prod", "a", "bob"}, {"image", "", "a", "bob"}, {"other", "staging", "a", ""},
	} {
		by := ""
		if o := s.Overridden(c.guard, c.environment, c.head); o != nil {
			by = o.By
		}
		if by != c.by {
			t.Errorf("%+v: by %q", c, by)
		}
	}
}

func TestOverridesAreBoundedAndReplaced(t *testing.T) {
	s := slipway.PullRequestStatus{}
	for i := range 3 * slipway.MaxOverrides {
		s.AddOverride(slipway.Override{Guard: "g" + strconv.Itoa(i), Head: "a", By: "alice"})
	}
	if len(s.Overrides) != slipway.MaxOverrides {
		t.Errorf("%d overrides", len(s.Overrides))
	}
	last := s.Overrides[len(s.Overrides)-1]
	last.Reason = "again"
	s.AddOverride(last)
	if len(s.Overrides) != slipway.MaxOverrides || s.Overridden(last.Guard, "", "a").Reason != "again" {
		t.Errorf("given again it is not replaced: %+v", s.Overrides)
	}
}
