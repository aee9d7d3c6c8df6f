package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/object"
)

func TestRenames(t *testing.T) {
	settings := func(name, colour string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", namespace: shop}, data: {colour: " + colour + "}}"
	}
	other := strings.NewReplacer("name: web, namespace", "name: website, namespace").Replace(deployment)
	secret := func(name, value string) string {
		return "{apiVersion: v1, kind: Secret, metadata: {name: " + name + ", namespace: shop}, data: {one: " + value + "}}"
	}
	for name, c := range map[string]struct {
		before, after []string
		want          []string // of what is added: "name was NAME: lines"
	}{
		"the same under another name":             {[]string{deployment}, []string{other}, []string{"website was web +1 -1"}},
		"changed besides":                         {[]string{deployment}, []string{strings.Replace(other, "web:1", "web:2", 1)}, []string{"website was web +2 -2"}},
		"another namespace":                       {[]string{deployment}, []string{strings.Replace(other, "namespace: shop", "namespace: bar", 1)}, []string{"website was  +17 -0"}},
		"too little to tell":                      {[]string{settings("a", "red")}, []string{settings("b", "red")}, []string{"b was  +7 -0"}},
		"another hash":                            {[]string{settings("web-2gtkm4b5cf", "red")}, []string{settings("web-8h67mfd24k", "blue")}, []string{"web-8h67mfd24k was web-2gtkm4b5cf +2 -2"}},
		"what only looks like a hash":             {[]string{settings("web-production", "red")}, []string{settings("web-8h67mfd24k", "blue")}, []string{"web-8h67mfd24k was  +7 -0"}},
		"a Secret's hash, its value out of sight": {[]string{secret("web-2gtkm4b5cf", "b25l")}, []string{secret("web-8h67mfd24k", "dHdv")}, []string{"web-8h67mfd24k was web-2gtkm4b5cf +2 -2"}},
		"the closest of two": {[]string{deployment, strings.NewReplacer("name: web, namespace", "name: old, namespace", "web:1", "web:7", "replicas: 2", "replicas: 9").Replace(deployment)}, []string{other},
			[]string{"website was web +1 -1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range Sets(setOf(t, c.before), setOf(t, c.after)) {
				if d.Kind == Added {
					got = append(got, strings.TrimSpace(d.ID.Name+" was "+d.Was+" "+counts(d)))
				}
				if strings.Contains(d.Text, "b25l") || strings.Contains(d.Text, "dHdv") {
					t.Errorf("a Secret's value is shown:\n%s", d.Text)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func setOf(t *testing.T, documents []string) *object.Set {
	t.Helper()
	s := object.NewSet()
	for _, d := range documents {
		s.Add(object.Object{Unstructured: parse(t, d)})
	}
	return s
}

func counts(d Difference) string { return fmt.Sprintf("+%d -%d", d.Added, d.Removed) }
