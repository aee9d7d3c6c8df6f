package bot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// TestAPageKeepsOthersLocksToThemselves shows who holds something to whoever reads this repository only where it is this repository's.
func TestAPageKeepsOthersLocksToThemselves(t *testing.T) {
	const secret = "release of the secret product"
	for name, c := range map[string]struct {
		page      bool
		owner     slipway.LockOwner
		wantOwner string
		want      string
	}{
		"a command's answer, another repository": {false, slipway.LockOwner{Forge: "github", Host: "forge.example", RepositoryID: 8, URL: "https://forge.example/team/hidden/pull/1"}, "hidden", secret},
		"a page, this repository":                {true, slipway.LockOwner{Forge: "github", Host: "Forge.example", RepositoryID: 7, URL: "https://forge.example/team/shop/pull/4"}, "shop/pull/4", secret},
		"a page, another repository":             {true, slipway.LockOwner{Forge: "github", Host: "forge.example", RepositoryID: 8, URL: "https://forge.example/team/hidden/pull/1"}, "a pull request of another repository", ""},
		"a page, the same number elsewhere":      {true, slipway.LockOwner{Forge: "gitlab", Host: "lab.example", RepositoryID: 7, URL: "https://lab.example/team/hidden/-/merge_requests/1"}, "a pull request of another repository", ""},
	} {
		v := looking(func(v *visit) { v.onPage = c.page })
		web := application("web", nil)
		lock := slipway.Lock{Spec: slipway.LockSpec{Application: &slipway.ApplicationRef{Namespace: web.Namespace, Name: web.Name}, Owner: c.owner, User: "carol", Reason: secret}}
		held := v.heldOf(map[string]slipway.Lock{slipway.LockName(slipway.LockApplication, web.Namespace, web.Name): lock}, []aim{{reach: reach{app: web}}}, "")
		if len(held) != 1 {
			t.Errorf("%s: %d locks are in the way, want 1", name, len(held))
			continue
		}
		if h := held[0]; !strings.Contains(h.Owner, c.wantOwner) || h.Reason != c.want || (h.User == "") != (c.want == "") {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func TestGatesAreAskedAboutByEnvironment(t *testing.T) {
	all := []reach{
		{app: application("web-prod", nil), environment: "prod"}, {app: application("loose", nil)}, {app: application("web-staging", nil), environment: "staging"},
		{app: application("api-prod", nil), environment: "prod"}, {app: application("stray", nil)},
	}
	var have []string
	for _, targets := range targetsOf(all) {
		have = append(have, written(targets))
		if picked, refusal := choose(all, targets); refusal != "" || len(picked) == 0 {
			t.Errorf("%s cannot be understood: %s", written(targets), refusal)
		}
	}
	if diff := cmp.Diff([]string{"prod", "staging", "app:argocd/loose app:argocd/stray"}, have); diff != "" {
		t.Errorf("asked about (-want +have):\n%s", diff)
	}
}
