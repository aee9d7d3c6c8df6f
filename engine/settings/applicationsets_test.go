package settings_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/settings"
)

func parameters(data map[string]string) (settings.ApplicationSets, []error) {
	s, errs := settings.Decode([]corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: settings.ParametersName}, Data: data}}, nil)
	return s.Sets, errs
}

func TestSettingsOfApplicationSets(t *testing.T) {
	got, errs := parameters(map[string]string{
		"applicationsetcontroller.policy":                       "create-update",
		"applicationsetcontroller.enable.policy.override":       "true",
		"applicationsetcontroller.namespaces":                   "argocd, team-*",
		"applicationsetcontroller.allowed.scm.providers":        "https://git.example.com/",
		"applicationsetcontroller.enable.scm.providers":         "false",
		"applicationsetcontroller.enable.tokenref.strict.mode":  "true",
		"applicationsetcontroller.enable.progressive.syncs":     "false",
		"applicationsetcontroller.enable.new.git.file.globbing": "true",
		"applicationsetcontroller.requeue.after":                "45s",
		"applicationsetcontroller.global.preserved.annotations": "a/b,c",
		"applicationsetcontroller.global.preserved.labels":      "d",
		"applicationsetcontroller.dryrun":                       "true",
		"applicationsetcontroller.status.max.resources.count":   "7",
	})
	want := settings.ApplicationSets{Policy: argo.ApplicationsSyncPolicyCreateUpdate, PolicyOverride: true, Namespaces: []string{"argocd", "team-*"},
		AllowedProviders: []string{"https://git.example.com/"}, ProvidersOff: true, StrictTokens: true, RollingOff: true, Doublestar: true,
		RequeueAfter: 45 * time.Second, KeepAnnotations: []string{"a/b", "c"}, KeepLabels: []string{"d"}, DryRun: true, MaxResources: 7}
	if diff := cmp.Diff(want, got); diff != "" || len(errs) > 0 {
		t.Errorf("%v\n%s", errs, diff)
	}
}

func TestSettingsThatCannotBeReadDeleteNothing(t *testing.T) {
	got, errs := parameters(map[string]string{"applicationsetcontroller.policy": "everything", "applicationsetcontroller.requeue.after": "soon",
		"applicationsetcontroller.dryrun": "maybe", "applicationsetcontroller.status.max.resources.count": "-1"})
	if len(errs) != 4 || got.Policy != argo.ApplicationsSyncPolicyCreateOnly || got.RequeueAfter != 3*time.Minute || got.MaxResources != 5000 {
		t.Errorf("%+v, %v", got, errs)
	}
}

func TestWhosePolicyHolds(t *testing.T) {
	set := func(p argo.ApplicationsSyncPolicy) *argo.ApplicationSet {
		s := &argo.ApplicationSet{}
		if p != "" {
			s.Spec.SyncPolicy = &argo.ApplicationSetSyncPolicy{ApplicationsSync: &p}
		}
		return s
	}
	for name, c := range map[string]struct {
		policy, override string
		own, want        argo.ApplicationsSyncPolicy
	}{
		"nobody says":                     {"", "", "", ""},
		"the set says":                    {"", "", "create-only", "create-only"},
		"the installation says":           {"create-update", "", "", "create-update"},
		"the installation wins":           {"create-update", "", "sync", "create-update"},
		"unless it lets itself overriden": {"create-update", "true", "sync", "sync"},
	} {
		got, _ := parameters(map[string]string{"applicationsetcontroller.policy": c.policy, "applicationsetcontroller.enable.policy.override": c.override})
		if p := got.PolicyOf(set(c.own)); p != c.want {
			t.Errorf("%s: %q, want %q", name, p, c.want)
		}
	}
}
