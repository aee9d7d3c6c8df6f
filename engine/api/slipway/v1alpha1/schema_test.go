package v1alpha1_test

import (
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/slipway-cd/slipway/deploy"
	"github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

const sha = "1f0c9d2b1f0c9d2b1f0c9d2b1f0c9d2b1f0c9d2b"

var now = metav1.NewMicroTime(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))

func pullRequest() *v1alpha1.PullRequest {
	report := v1alpha1.Report{
		Base: sha, Head: sha, Merged: sha, PostedAt: now, CommentID: "1", Digest: "sha256:1",
		Applications: []v1alpha1.ReportedApplication{{
			Name: "web", Namespace: "argocd", Environment: "prod", Revision: sha, Revisions: []string{sha}, Digest: "sha256:2", Broken: true, Removed: true}}, Incomplete: true,
	}
	return &v1alpha1.PullRequest{
		TypeMeta:   metav1.TypeMeta{APIVersion: "slipway.dev/v1alpha1", Kind: "PullRequest"},
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PullRequestName("github.com", 42, 7)},
		Spec: v1alpha1.PullRequestSpec{
			Forge: v1alpha1.ForgeGitHub, Host: "github.com", Installation: 1,
			Repository: v1alpha1.RepositoryRef{ID: 42, Owner: "shop", Name: "web", CloneURL: "https://github.com/shop/web.git"},
			Number:     7,
			Asked:      v1alpha1.Asked{At: now, Delivery: "72d3162e", Reason: "pull_request"},
		},
		Status: v1alpha1.PullRequestStatus{
			ObservedAsked: now, Title: "Add a cache", Author: "ada", State: v1alpha1.StateOpen, Draft: true,
			HeadSHA: sha, BaseSHA: sha, MergedSHA: sha, BaseRef: "main", HeadRef: "cache", Fork: true,
			Trusted: true, TrustedBy: "grace", TrustedSHA: sha,
			Report: &report, Reports: []v1alpha1.Report{report},
			CheckRunID: "1", CheckHead: sha, CheckState: v1alpha1.CheckPending,
			Statuses:       []v1alpha1.EnvironmentStatus{{Environment: "prod", SHA: sha, State: v1alpha1.StatusError, Description: "d"}},
			CommentsBefore: now, CommentMark: 1,
			Commands: []v1alpha1.Command{{
				ID: 1, Text: "/sync prod", Author: "ada", CreatedAt: now, Phase: v1alpha1.CommandRunning, ReplyID: "2",
				OperationID: "1", Applications: []string{"argocd/web"}, DeploymentIDs: map[string]int64{"prod": 3},
				Unwell: map[string]string{"argocd/web": "Degraded"}, Message: "wave 0", StartedAt: &now, FinishedAt: &now}},
			Applications: []v1alpha1.FollowedApplication{{Name: "web", Namespace: "argocd", Phase: "Healthy", Message: "m"}},
			Conditions: []metav1.Condition{{Type: "Reported", Status: metav1.ConditionTrue, Reason: "Posted", Message: "m",
				LastTransitionTime: metav1.NewTime(now.Time)}},
			LastError: "none",
		},
	}
}

func repository() *v1alpha1.Repository {
	return &v1alpha1.Repository{
		TypeMeta:   metav1.TypeMeta{APIVersion: "slipway.dev/v1alpha1", Kind: "Repository"},
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.RepositoryName("gitlab.com", 42)},
		Spec: v1alpha1.RepositorySpec{
			Forge: v1alpha1.ForgeGitLab, Host: "gitlab.com",
			Repository: v1alpha1.RepositoryRef{ID: 42, Owner: "shop/team", Name: "web"},
			Asked:      v1alpha1.Asked{At: now},
		},
		Status: v1alpha1.RepositoryStatus{ObservedAsked: now, OpenPullRequests: 3, LastError: "none"},
	}
}

func lock() *v1alpha1.Lock {
	owner := v1alpha1.LockOwner{Forge: v1alpha1.ForgeGitHub, Host: "github.com", RepositoryID: 42, Number: 7, URL: "https://github.com/shop/web/pull/7"}
	end := metav1.NewTime(now.Time)
	return &v1alpha1.Lock{
		TypeMeta:   metav1.TypeMeta{APIVersion: "slipway.dev/v1alpha1", Kind: "Lock"},
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.LockName(v1alpha1.LockApplication, "argocd", "web")},
		Spec: v1alpha1.LockSpec{
			Application: &v1alpha1.ApplicationRef{Namespace: "argocd", Name: "web"},
			Owner:       owner, User: "ada", Reason: "release", Revision: sha, AcquiredAt: now, ExpiresAt: &end,
			Queue: []v1alpha1.LockRequest{{Owner: owner, User: "grace", Reason: "next", AskedAt: now}},
		},
	}
}

func TestObjectsAreWhatTheirSchemasSay(t *testing.T) {
	minimal := pullRequest()
	minimal.Status = v1alpha1.PullRequestStatus{}
	minimal.Spec.Asked = v1alpha1.Asked{}
	environment := lock()
	environment.Spec.Application, environment.Spec.Environment = nil, "prod"
	for name, object := range map[string]runtime.Object{
		"pull request": pullRequest(), "pull request before its first delivery": minimal,
		"repository": repository(), "lock on an application": lock(), "lock on an environment": environment,
	} {
		t.Run(name, func(t *testing.T) {
			s := loadSchema(t, object.GetObjectKind().GroupVersionKind().Kind)
			if errs := s.validate(t, encode(t, object)); len(errs) > 0 {
				t.Error(errs)
			}
			if unknown := pruning.PruneWithOptions(encode(t, object), s.structural, true,
				structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}); len(unknown) > 0 {
				t.Errorf("fields that would be dropped: %v", unknown)
			}
		})
	}
}

func TestWhatTheSchemasRefuse(t *testing.T) {
	cases := []struct {
		name   string
		object runtime.Object
		path   []string
		value  any
	}{
		{"another forge", pullRequest(), []string{"spec", "forge"}, "bitbucket"},
		{"no host", pullRequest(), []string{"spec", "host"}, ""},
		{"number 0", pullRequest(), []string{"spec", "number"}, int64(0)},
		{"no repository id", repository(), []string{"spec", "repository", "id"}, int64(0)},
		{"a time that clients refuse", pullRequest(), []string{"spec", "asked", "at"}, "2026-03-01T10:00:00Z"},
		{"no time", pullRequest(), []string{"spec", "asked", "at"}, "yesterday"},
		{"a lock's revision that is a branch", lock(), []string{"spec", "revision"}, "main"},
		{"a lock on both", lock(), []string{"spec", "environment"}, "prod"},
		{"a lock on nothing", lock(), []string{"spec", "application"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := encode(t, c.object)
			parent := o
			for _, key := range c.path[:len(c.path)-1] {
				parent = parent[key].(map[string]any)
			}
			last := c.path[len(c.path)-1]
			if parent[last] = c.value; c.value == nil {
				delete(parent, last)
			}
			if errs := loadSchema(t, c.object.GetObjectKind().GroupVersionKind().Kind).validate(t, o); len(errs) == 0 {
				t.Error("accepted")
			}
		})
	}
}

func TestSchemeAndDefinitionsKnowTheSameKinds(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{v1alpha1.PullRequestKind, v1alpha1.RepositoryKind, v1alpha1.LockKind} {
		if !scheme.Recognizes(v1alpha1.SchemeGroupVersion.WithKind(kind)) {
			t.Errorf("the scheme does not know %s", kind)
		}
		loadSchema(t, kind)
	}
}

type schema struct {
	validator  validation.SchemaValidator
	structural *structuralschema.Structural
}

func (s schema) validate(t *testing.T, o map[string]any) field.ErrorList {
	t.Helper()
	errs := validation.ValidateCustomResource(nil, o, s.validator)
	if rules := cel.NewValidator(s.structural, true, celconfig.PerCallLimit); rules != nil {
		more, _ := rules.Validate(t.Context(), nil, s.structural, o, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, more...)
	}
	return errs
}

func loadSchema(t *testing.T, kind string) schema {
	t.Helper()
	crds, err := deploy.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		if crd.Spec.Group != v1alpha1.Group || crd.Spec.Names.Kind != kind {
			continue
		}
		internal := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema, internal, nil); err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(internal)
		if err != nil {
			t.Fatal(err)
		}
		structural, err := structuralschema.NewStructural(internal)
		if err != nil {
			t.Fatal(err)
		}
		return schema{validator: validator, structural: structural}
	}
	t.Fatalf("there is no definition of %s", kind)
	return schema{}
}

// encode gives what a client sends: integers stay integers.
func encode(t *testing.T, object runtime.Object) map[string]any {
	t.Helper()
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	// The converter and the encoder of requests must agree on what is left out.
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var sent map[string]any
	if err := json.Unmarshal(text, &sent); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"spec", "status"} {
		if (o[part] == nil) != (sent[part] == nil) {
			t.Errorf("%s: converted %v, encoded %v", part, o[part], sent[part])
		}
	}
	return o
}
