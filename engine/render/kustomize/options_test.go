package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"

	"github.com/slipway-cd/slipway/engine/object"
)

func TestBuildOptionsAreReadAsTheCommandReadsThem(t *testing.T) {
	const unset = krusty.ReorderOptionUnspecified
	for text, want := range map[string]options{
		"":              {reorder: unset},
		"--enable-helm": {reorder: unset, helm: true},
		"  --enable-helm=true\n--load-restrictor=LoadRestrictionsNone ":  {reorder: unset, helm: true, unrestricted: true},
		"--enable-helm=false --load-restrictor LoadRestrictionsRootOnly": {reorder: unset},
		"--load-restrictor 'LoadRestrictionsNone'":                       {reorder: unset, unrestricted: true},
		"--reorder none --enable-managedby-label":                        {reorder: krusty.ReorderOptionNone, managedBy: true},
		"--helm-kube-version 1.30 --helm-api-versions a/v1 --helm-api-versions=b/v1 --helm-debug --stack-trace": {reorder: unset, kubeVersion: "1.30",
			apiVersions: []string{"a/v1", "b/v1"}},
	} {
		got, warnings, err := parseOptions(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" || err != nil || len(warnings) > 0 {
			t.Errorf("%q: %v, warned %q\n%s", text, err, warnings, diff)
		}
	}
	for text, want := range map[string]int{"--enable-alpha-plugins": 1, "--enable-exec --network --network-name x --mount y -e A=B -o dir --output=dir": 7, "--helm-command /bin/helm": 1, "--network=false": 0} {
		if _, warnings, err := parseOptions(text); err != nil || len(warnings) != want {
			t.Errorf("%q: %v, warned %q", text, err, warnings)
		}
	}
	for _, text := range []string{"--enable", "enable-helm", "--load-restrictor", "--load-restrictor none", "--reorder best", "--enable-helm=perhaps", "&& rm"} {
		if _, _, err := parseOptions(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzBuildOptions(f *testing.F) {
	f.Add("--enable-helm --load-restrictor LoadRestrictionsNone -e A=B --reorder=none")
	f.Fuzz(func(t *testing.T, text string) {
		o, warnings, err := parseOptions(text)
		if _, isFault := object.AsFault(err); err != nil && !isFault {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && o.unrestricted && !strings.Contains(text, "LoadRestrictionsNone") {
			t.Errorf("%q lets files in from everywhere", text)
		}
		if len(warnings) > len(flags()) {
			t.Errorf("%q: %d warnings", text, len(warnings))
		}
	})
}
