package sync

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func TestHooks(t *testing.T) {
	for name, c := range map[string]struct {
		annotations []string
		types       []argo.HookType
		hook        bool
	}{
		"none":                         {nil, nil, false},
		"one":                          {[]string{HookAnnotation, "PreSync"}, []argo.HookType{"PreSync"}, true},
		"several, with spaces":         {[]string{HookAnnotation, "PreSync, PostSync,PreSync"}, []argo.HookType{"PreSync", "PostSync"}, true},
		"skip alone":                   {[]string{HookAnnotation, "Skip"}, nil, true},
		"skip beside another":          {[]string{HookAnnotation, "Skip,Sync"}, []argo.HookType{"Sync"}, true},
		"unknown alone is ignored":     {[]string{HookAnnotation, "Someday"}, nil, true},
		"Helm install and upgrade":     {[]string{helmHookAnnotation, "pre-install,pre-upgrade"}, []argo.HookType{"PreSync"}, true},
		"Helm both ends":               {[]string{helmHookAnnotation, "post-upgrade,pre-delete"}, []argo.HookType{"PostSync", "PreDelete"}, true},
		"Helm test is not applied":     {[]string{helmHookAnnotation, "test-success"}, nil, true},
		"Helm rollback is not applied": {[]string{helmHookAnnotation, "pre-rollback"}, nil, true},
		"Helm crd-install is ordinary": {[]string{helmHookAnnotation, "crd-install"}, nil, false},
		"Argo CD's word makes Helm's void": {[]string{HookAnnotation, "PostSync", helmHookAnnotation, "pre-install"},
			[]argo.HookType{"PostSync"}, true},
	} {
		types, hook := Hooks(config("x", c.annotations...))
		if diff := cmp.Diff(c.types, types); diff != "" || hook != c.hook {
			t.Errorf("%s: hook=%v %s", name, hook, diff)
		}
	}
}

func TestWave(t *testing.T) {
	for want, annotations := range map[int64][]string{
		0:  {WaveAnnotation, "soon", helmWeightAnnotation, "4"},
		-3: {WaveAnnotation, " -3 ", helmWeightAnnotation, "4"},
		4:  {helmWeightAnnotation, "4"},
	} {
		if got := Wave(config("x", annotations...)); got != want {
			t.Errorf("%v: wave %d", annotations, got)
		}
	}
}

func TestKept(t *testing.T) {
	for name, c := range map[string]struct {
		annotations []string
		options     argo.SyncOptions
		want        bool
	}{
		"plain":                     {nil, nil, false},
		"its own option":            {[]string{OptionsAnnotation, "Validate=false, Delete=false"}, nil, true},
		"the application's default": {nil, argo.SyncOptions{"Delete=false"}, true},
		"its own word wins":         {[]string{OptionsAnnotation, "Delete=true"}, argo.SyncOptions{"Delete=false"}, false},
		"Helm's policy":             {[]string{helmResourceAnnotation, "keep"}, nil, true},
	} {
		if got := Kept(config("x", c.annotations...), c.options); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestImages(t *testing.T) {
	u := deployment("web")
	container := func(image string) any { return map[string]any{"image": image} }
	u.Object["spec"] = map[string]any{"template": map[string]any{"spec": map[string]any{
		"initContainers": []any{container("init:1")}, "containers": []any{container("web:1"), container("init:1"), "nonsense"}}}}
	if diff := cmp.Diff([]string{"init:1", "web:1"}, Images(u)); diff != "" {
		t.Error(diff)
	}
}
