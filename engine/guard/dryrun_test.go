package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/slipway-cd/slipway/engine/guard"
)

// said is an answer of an API server in its own words.
func said(code int32, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message,
		Details: &metav1.StatusDetails{Causes: causes}}}
}

func TestAnswers(t *testing.T) {
	deployments, namespaces := schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupResource{Resource: "namespaces"}
	invalid := func(errs ...*field.Error) error { return apierrors.NewInvalid(deployments, "a", errs) }
	config, secret := doc("v1", "ConfigMap", "a", ""), doc("v1", "Secret", "a", "")
	for name, c := range map[string]struct {
		object   string
		brought  string
		warnings []string
		err      error
		verdict  guard.Verdict
		reasons  []string
		warns    []string
	}{
		"taken":                         {object: config, verdict: guard.Accepted},
		"taken with a warning":          {object: config, warnings: []string{"would violate PodSecurity \"restricted:latest\""}, verdict: guard.Accepted, warns: []string{"would violate PodSecurity \"restricted:latest\""}},
		"what another guard tells":      {object: config, warnings: []string{"policy/v1beta1 is deprecated in v1.21+"}, verdict: guard.Accepted},
		"a warning about a secret":      {object: secret, warnings: []string{"data.password hunter2 is weak"}, verdict: guard.Accepted},
		"a value that is refused":       {object: config, err: invalid(field.Invalid(field.NewPath("spec", "x"), "hunter2: really", "must be short")), verdict: guard.Denied, reasons: []string{"spec.x: Invalid value: must be short"}},
		"a mapping that is refused":     {object: config, err: invalid(field.Invalid(field.NewPath("spec", "selector"), map[string]string{"pass": "hunter2"}, "field is immutable")), verdict: guard.Denied, reasons: []string{"spec.selector: Invalid value: field is immutable"}},
		"a word that is not among them": {object: config, err: invalid(field.NotSupported(field.NewPath("spec", "type"), "hunter2", []string{"A", "B"})), verdict: guard.Denied, reasons: []string{`spec.type: Unsupported value: supported values: "A", "B"`}},
		"a field that is missing":       {object: config, err: invalid(field.Required(field.NewPath("spec", "x"), "")), verdict: guard.Denied, reasons: []string{"spec.x: Required value"}},
		"many causes": {object: config, err: invalid(field.Required(field.NewPath("a"), ""), field.Required(field.NewPath("b"), ""), field.Required(field.NewPath("c"), ""), field.Required(field.NewPath("d"), "")),
			verdict: guard.Denied, reasons: []string{"a: Required value", "b: Required value", "c: Required value", "and 1 more"}},
		"a secret's causes":         {object: secret, err: invalid(field.Invalid(field.NewPath("data", "password"), "hunter2", "hunter2 is weak")), verdict: guard.Denied, reasons: []string{"data.password: FieldValueInvalid"}},
		"a secret's admission":      {object: secret, err: discreetly{said(403, metav1.StatusReasonForbidden, "hunter2 is weak")}, verdict: guard.Denied, reasons: []string{"the server did not take it"}},
		"an admission policy":       {object: config, err: said(422, metav1.StatusReasonInvalid, "x", metav1.StatusCause{Message: "ValidatingAdmissionPolicy 'a' denied request: no"}), verdict: guard.Denied, reasons: []string{"ValidatingAdmissionPolicy 'a' denied request: no"}},
		"an admission webhook":      {object: config, err: said(403, metav1.StatusReasonForbidden, "admission webhook \"a\" denied the request: no\nnot at all"), verdict: guard.Denied, reasons: []string{"admission webhook \"a\" denied the request: no not at all"}},
		"a webhook's own code":      {object: config, err: said(500, metav1.StatusReasonInternalError, "admission webhook \"a\" denied the request: no"), verdict: guard.Denied, reasons: []string{"admission webhook \"a\" denied the request: no"}},
		"a webhook that is down":    {object: config, err: said(500, metav1.StatusReasonInternalError, "failed calling webhook: 10.0.0.1 refused"), verdict: guard.Unknown, reasons: []string{"the destination answered 500 InternalError"}},
		"another type":              {object: config, err: said(500, "", "failed to create typed patch object (shop/a; /v1, Kind=ConfigMap): .data.port: expected string, got &value.valueUnstructured{Value:hunter2}"), verdict: guard.Denied, reasons: []string{".data.port: expected string"}},
		"several of another type":   {object: config, err: said(500, "", "failed to create typed patch object (shop/a; /v1, Kind=ConfigMap): errors:\n  .data.a: expected string, got &value.valueUnstructured{Value:hunter2}\n  .x: field not declared in schema"), verdict: guard.Denied, reasons: []string{".data.a: expected string .x: field not declared in schema"}},
		"a right that is lacking":   {object: config, err: apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "a", errors.New(`User "u" cannot patch resource "configmaps"`)), verdict: guard.Denied, reasons: []string{`configmaps "a" is forbidden: User "u" cannot patch resource "configmaps"`}},
		"no such namespace":         {object: config, err: apierrors.NewNotFound(namespaces, "shop"), verdict: guard.Denied, reasons: []string{"there is no namespace shop"}},
		"a namespace that comes":    {object: config, brought: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", err: apierrors.NewNotFound(namespaces, "shop"), verdict: guard.Later, reasons: []string{"its namespace comes with this change"}},
		"a kind that comes":         {object: doc("acme.example/v1", "Gadget", "a", ""), brought: gadgets, err: fmt.Errorf("no: %w", &meta.NoKindMatchError{}), verdict: guard.Later, reasons: []string{"its kind comes with this change"}},
		"no such kind":              {object: doc("acme.example/v1", "Gadget", "a", ""), err: &meta.NoKindMatchError{}, verdict: guard.Unknown, reasons: []string{"the destination does not know the kind"}},
		"too many questions":        {object: config, err: apierrors.NewTooManyRequests("slow down", 1), verdict: guard.Unknown, reasons: []string{"the destination answered 429 TooManyRequests"}},
		"out of reach":              {object: config, err: fmt.Errorf("dial tcp 10.0.0.1: %w", context.DeadlineExceeded), verdict: guard.Unknown, reasons: []string{"the destination did not answer in time, or could not be reached"}},
		"a very long refusal":       {object: config, err: said(http.StatusForbidden, metav1.StatusReasonForbidden, strings.Repeat("é", 1000)), verdict: guard.Denied, reasons: []string{strings.Repeat("é", 300) + " …"}},
		"an error without a reason": {object: config, err: said(http.StatusConflict, metav1.StatusReasonConflict, ""), verdict: guard.Denied, reasons: []string{"Conflict"}},
	} {
		t.Run(name, func(t *testing.T) {
			var b guard.Brought
			if c.brought != "" {
				b.Add(set(t, c.brought))
			}
			got := guard.AnswerOf(set(t, c.object).All()[0], b, c.warnings, c.err)
			if got.Verdict != c.verdict {
				t.Errorf("%s, want %s", got.Verdict, c.verdict)
			}
			if diff := cmp.Diff(c.reasons, got.Reasons); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warns, got.Warnings); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(fmt.Sprint(got), "hunter2") {
				t.Errorf("a value is told: %+v", got)
			}
		})
	}
}

// discreetly is how errors about secrets arrive: without the server's words, which are still in the chain.
type discreetly struct{ error }

func (discreetly) Error() string   { return "the server did not take it" }
func (d discreetly) Unwrap() error { return d.error }

func FuzzAnswers(f *testing.F) {
	f.Add("Invalid value: \"x\": must be y", true)
	f.Add("Invalid value: Invalid value: ", false)
	f.Add("failed to create typed patch object (a): errors:\n b, got c", true)
	object := set(f, doc("v1", "ConfigMap", "a", "")).All()[0]
	f.Fuzz(func(t *testing.T, message string, cause bool) {
		err := said(422, metav1.StatusReasonInvalid, message)
		if cause {
			err = said(422, metav1.StatusReasonInvalid, "", metav1.StatusCause{Message: message})
		}
		got := guard.AnswerOf(object, guard.Brought{}, nil, err)
		if got.Verdict != guard.Denied || len(got.Reasons) != 1 || got.Reasons[0] == "" || strings.ContainsAny(got.Reasons[0], "\n\t") {
			t.Errorf("%q: %+v", message, got)
		}
	})
}

func TestNewImages(t *testing.T) {
	pod := func(name, image string) string {
		return doc("v1", "Pod", name, "spec: {initContainers: [{name: i, image: init:1}], containers: [{name: a, image: "+image+"}], volumes: [{name: v, image: {reference: models:1}}]}")
	}
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"all are new":         {"", pod("a", "web:1"), []string{"init:1", "models:1", "web:1"}},
		"only a tag is":       {pod("a", "web:1"), pod("a", "web:2"), []string{"web:2"}},
		"another runs it":     {pod("a", "web:1") + doc("v1", "ConfigMap", "c", ""), pod("a", "web:1") + pod("b", "web:1"), nil},
		"a workload's":        {"", doc("apps/v1", "Deployment", "a", "spec: {template: {spec: {containers: [{name: a, image: web:1}]}}}"), []string{"web:1"}},
		"a job's on schedule": {"", doc("batch/v1", "CronJob", "a", "spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: web:1}]}}}}}"), []string{"web:1"}},
		"a custom workload's": {"", doc("argoproj.io/v1alpha1", "Rollout", "a", "spec: {template: {spec: {containers: [{name: a, image: web:1}]}}}"), []string{"web:1"}},
		"filled in later":     {"", pod("a", "'$(params.image)'"), []string{"init:1", "models:1"}},
		"of another form":     {"", doc("v1", "Pod", "a", "spec: {containers: {image: web:1}}") + doc("v1", "Pod", "b", "spec: [1]"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, u := range guard.NewImages(facts(t, c.before, c.after)) {
				got = append(got, u.Reference)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
