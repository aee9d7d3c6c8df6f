package guard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
)

// set parses documents; each stands at the first line of a file of its name.
func set(t testing.TB, docs string) *object.Set {
	t.Helper()
	s := object.NewSet()
	for _, doc := range strings.Split(docs, "---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatalf("%v:\n%s", err, doc)
		}
		if len(u.Object) > 0 {
			s.Add(object.Object{Unstructured: u, Place: object.Place{File: u.GetName() + ".yaml", Line: 1}})
		}
	}
	return s
}

// facts are those of a change from some documents to others.
func facts(t testing.TB, before, after string) guard.Facts {
	t.Helper()
	f := guard.Facts{Before: set(t, before), After: set(t, after), Version: "v1.36.3", Subject: guard.Subject{Name: "web", Environment: "prod"}}
	f.Differences = compare.Sets(f.Before, f.After)
	f.Brought.Add(f.After)
	served := map[schema.GroupKind][]string{
		{Group: "apps", Kind: "Deployment"}: {"v1"}, {Group: "batch", Kind: "CronJob"}: {"v1"}, {Kind: "ConfigMap"}: {"v1"}, {Kind: "Namespace"}: {"v1"},
		{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: {"v1"}, {Group: "networking.k8s.io", Kind: "Ingress"}: {"v1"},
		{Group: "acme.example", Kind: "Widget"}: {"v2", "v1"}, {Kind: "PersistentVolumeClaim"}: {"v1"},
	}
	f.Serves = func(gk schema.GroupKind) []string { return served[gk] }
	return f
}

func doc(apiVersion, kind, name, rest string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: shop}\n%s\n---\n", apiVersion, kind, name, rest)
}

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.acme.example}
spec:
  group: acme.example
  names: {kind: Gadget}
  versions:
  - {name: v1, served: true}
  - {name: v1beta1, served: true, deprecated: true, deprecationWarning: gadgets of the first hour are going}
  - {name: v1alpha1, served: false}
---
`

func TestGuards(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		edit          func(*guard.Facts)
		want          []string // "check severity message (hint)"
	}{
		"nothing": {after: doc("v1", "ConfigMap", "a", "")},
		"an unknown kind": {after: doc("acme.example/v1", "Gizmo", "a", ""),
			want: []string{"kinds failure the destination does not know the kind Gizmo in acme.example/v1 (mend apiVersion and kind, or install the CustomResourceDefinition first)"}},
		"a kind that comes with the change": {after: definition + doc("acme.example/v1", "Gadget", "a", "")},
		"a kind that may be missing":        {after: "apiVersion: acme.example/v1\nkind: Gizmo\nmetadata: {name: a, annotations: {argocd.argoproj.io/sync-options: 'Prune=false, SkipDryRunOnMissingResource=true'}}\n"},
		"nobody to ask":                     {after: doc("acme.example/v1", "Gizmo", "a", ""), edit: func(f *guard.Facts) { f.Serves = nil }},
		"a version that is gone from Kubernetes": {after: doc("extensions/v1beta1", "Ingress", "a", ""),
			want: []string{"removed-apis failure extensions/Ingress shop/a: extensions/v1beta1 Ingress is gone since Kubernetes 1.22, and the destination has 1.36 (use networking.k8s.io/v1 Ingress)"}},
		"a version that is gone from the library too": {after: doc("autoscaling/v2beta2", "HorizontalPodAutoscaler", "a", ""),
			want: []string{"removed-apis failure autoscaling/HorizontalPodAutoscaler shop/a: autoscaling/v2beta2 HorizontalPodAutoscaler is gone since Kubernetes 1.26, and the destination has 1.36 (use autoscaling/v2 HorizontalPodAutoscaler)"}},
		"a version that is gone, without a cluster": {after: doc("batch/v1beta1", "CronJob", "a", ""), edit: func(f *guard.Facts) { f.Serves, f.Version = nil, "v1.25.0" },
			want: []string{"removed-apis failure batch/CronJob shop/a: batch/v1beta1 CronJob is gone since Kubernetes 1.25, and the destination has 1.25 (use batch/v1 CronJob)"}},
		"a version that goes, without a cluster": {after: doc("batch/v1beta1", "CronJob", "a", ""), edit: func(f *guard.Facts) { f.Serves, f.Version = nil, "v1.24.9-eks-1" },
			want: []string{"deprecated-apis warning batch/CronJob shop/a: batch/v1beta1 CronJob is deprecated since Kubernetes 1.21 and goes with 1.25 (use batch/v1 CronJob)"}},
		"an old destination still serves it": {after: doc("batch/v1beta1", "CronJob", "a", ""), edit: func(f *guard.Facts) {
			f.Version, f.Serves = "v1.20.0", func(schema.GroupKind) []string { return []string{"v1beta1"} }
		}},
		"a version that the destination does not serve": {after: doc("acme.example/v3", "Widget", "a", ""),
			want: []string{"removed-apis failure acme.example/Widget shop/a: the destination does not serve Widget in the version acme.example/v3 (use acme.example/v2)"}},
		"a version that the change itself does not serve": {after: definition + doc("acme.example/v1alpha1", "Gadget", "a", ""),
			want: []string{"removed-apis failure acme.example/Gadget shop/a: the definition that this change brings does not serve the version v1alpha1 (use v1)"}},
		"a version that the change deprecates": {after: definition + doc("acme.example/v1beta1", "Gadget", "a", ""),
			want: []string{"deprecated-apis warning acme.example/Gadget shop/a: gadgets of the first hour are going"}},
		"a version that the destination's definition deprecates": {after: doc("acme.example/v1", "Widget", "a", ""), edit: func(f *guard.Facts) {
			f.Defined = map[schema.GroupKind][]guard.DefinedVersion{{Group: "acme.example", Kind: "Widget"}: {{Name: "v2", Served: true}, {Name: "v1", Served: true, Deprecated: true}}}
		}, want: []string{"deprecated-apis warning acme.example/Widget shop/a: its definition calls the version v1 deprecated (use v2)"}},
		"a deprecated version that stays as it was": {before: doc("batch/v1beta1", "CronJob", "a", ""), after: doc("batch/v1beta1", "CronJob", "a", ""),
			edit: func(f *guard.Facts) { f.Serves, f.Version = nil, "v1.24.0" }},
		"a claim goes": {before: doc("v1", "PersistentVolumeClaim", "a", ""), want: []string{"destroys warning PersistentVolumeClaim shop/a is removed: its data may go with it"}},
		"the project forbids": {after: doc("v1", "ConfigMap", "a", ""), edit: func(f *guard.Facts) {
			f.Permits = func(object.ID) guard.Denial {
				return guard.Denial{Message: "not permitted", Rule: "spec.x does not list it"}
			}
		}, want: []string{"project warning ConfigMap shop/a: not permitted (spec.x does not list it)"}},
		"switched off": {after: doc("acme.example/v1", "Gizmo", "a", ""),
			edit: func(f *guard.Facts) { f.Policy.Levels = map[string]guard.Level{guard.Kinds: guard.Off} }},
		"turned up": {before: doc("v1", "PersistentVolumeClaim", "a", ""),
			edit: func(f *guard.Facts) { f.Policy.Levels = map[string]guard.Level{guard.Destructive: guard.Blocking} },
			want: []string{"destroys failure PersistentVolumeClaim shop/a is removed: its data may go with it"}},
		"overridden": {after: doc("acme.example/v1", "Gizmo", "a", ""),
			edit: func(f *guard.Facts) {
				f.Policy.Overrides = []guard.Override{{Check: guard.Kinds, By: "carol", Reason: "it comes tomorrow"}, {Check: guard.Schema, By: "dave"}}
			},
			want: []string{"kinds failure the destination does not know the kind Gizmo in acme.example/v1 (mend apiVersion and kind, or install the CustomResourceDefinition first) overridden by carol: it comes tomorrow"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(t, c.before, c.after)
			if c.edit != nil {
				c.edit(&f)
			}
			if diff := cmp.Diff(c.want, told(guard.Check(f))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func told(found []guard.Finding) []string {
	var all []string
	for _, f := range found {
		line := fmt.Sprintf("%s %s %s", f.Check, f.Severity, f.Message)
		if f.Hint != "" {
			line += " (" + f.Hint + ")"
		}
		if f.Override != nil {
			line += fmt.Sprintf(" overridden by %s: %s", f.Override.By, f.Override.Reason)
		}
		all = append(all, line)
	}
	return all
}

func TestWhatIsOverriddenDoesNotBlock(t *testing.T) {
	f := facts(t, "", doc("acme.example/v1", "Gizmo", "a", "")+doc("extensions/v1beta1", "Ingress", "a", ""))
	for _, overridden := range [][]string{nil, {guard.Kinds}, {guard.RemovedAPIs}, {guard.Kinds, guard.RemovedAPIs}} {
		f.Policy.Overrides = nil
		for _, name := range overridden {
			f.Policy.Overrides = append(f.Policy.Overrides, guard.Override{Check: name})
		}
		found := guard.Check(f)
		if got := guard.Guarded(found); !cmp.Equal(got, []string{guard.Kinds, guard.RemovedAPIs}) {
			t.Errorf("with %v overridden: %v", overridden, got)
		}
		if got, want := guard.Blocks(found), len(overridden) < 2; got != want {
			t.Errorf("with %v overridden: blocks %v", overridden, got)
		}
	}
}

func TestManyFindingsAreCounted(t *testing.T) {
	var docs strings.Builder
	for i := range 50 {
		docs.WriteString(doc("acme.example/v1", "Gizmo", fmt.Sprint("a", i), ""))
	}
	got := guard.Check(facts(t, "", docs.String()))
	if len(got) != 20 || !strings.HasSuffix(got[19].Message, "(and 30 more of this kind)") || strings.Contains(got[18].Message, "more") {
		t.Errorf("%d findings, the last: %s", len(got), got[len(got)-1].Message)
	}
}
