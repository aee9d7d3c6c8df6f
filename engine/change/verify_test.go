package change_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
	projects "github.com/slipway-cd/slipway/engine/project"
)

// questioned is a destination that answers questions, and notes what it was asked as whom.
type questioned struct {
	here
	mu     *sync.Mutex
	trials *[]string // "account namespace/name"
	answer func(*unstructured.Unstructured) error
}

func (questioned) Versions(schema.GroupKind) []string { return []string{"v1"} }

func (questioned) Definition(context.Context, schema.GroupKind) (*unstructured.Unstructured, error) {
	return nil, nil
}

func (questioned) OpenAPI(context.Context, schema.GroupVersion) (string, func(context.Context) ([]byte, error)) {
	return "", nil
}

func (a questioned) Try(_ context.Context, u *unstructured.Unstructured, account string, _ cluster.ApplyOptions) ([]string, error) {
	a.mu.Lock()
	*a.trials = append(*a.trials, strings.TrimSpace(account+" "+u.GetNamespace()+"/"+u.GetName()))
	a.mu.Unlock()
	if a.answer != nil {
		return nil, a.answer(u)
	}
	return nil, nil
}

func settingsOf(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n---\n", n)
	}
	return b.String()
}

// verify proposes what a folder of the head holds, and asks the world about it.
func (w *world) verify(in change.Input, answer func(*unstructured.Unstructured) error) (got *change.Application, trials, images []string) {
	w.t.Helper()
	var mu sync.Mutex
	p := change.New(change.Deps{Render: w, Trees: w, ControlNamespace: "argocd",
		Impersonation: func() projects.Impersonation { return projects.Impersonation{Enabled: true} },
		Image: func(_ context.Context, reference, project string) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			images = append(images, project+" "+reference)
			return !strings.Contains(reference, "gone"), nil
		},
		Clusters: func(context.Context, argo.ApplicationDestination) (change.Cluster, error) {
			return questioned{here{w}, &mu, &trials, answer}, nil
		}})
	in.Scope = plan.Scope{Same: func(u string) bool { return u == shop }, BaseBranch: "main", DefaultBranch: "main"}
	in.BaseTree, in.MergedTree = w.base, w.merged
	in.Applications = []*argo.Application{app("web", shop, "web", nil)}
	if in.Project == nil {
		in.Project = project
	}
	c, err := p.PullRequest(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	if c.Settled().Unverified() {
		w.t.Error("a settled change still has questions")
	}
	if c, err = p.Verify(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
	if c.Unverified() {
		w.t.Error("a verified change still has questions")
	}
	slices.Sort(trials)
	return find(c, "web"), trials, images
}

func TestAStrangersHeadHasNothingAsked(t *testing.T) {
	w := newWorld(t)
	w.holds["head:web"] = settingsOf("a") + "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web:1}]}\n"
	got, trials, images := w.verify(change.Input{Trusted: false}, nil)
	if len(trials)+len(images) > 0 || got.Verification.Pending || got.Verification.Asked() {
		t.Errorf("asked %v and %v: %+v", trials, images, got.Verification)
	}
	if _, trials, images = w.verify(change.Input{Trusted: true}, nil); len(trials) != 2 || len(images) != 1 {
		t.Errorf("of a trusted head: asked %v and %v", trials, images)
	}
}

func TestOnlyWhatTheProjectPermitsIsTried(t *testing.T) {
	w := newWorld(t)
	w.holds["head:web"] = settingsOf("a") + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: kube-system}\n"
	own := func(name string) (*argo.AppProject, bool) {
		p, ok := project(name)
		p.Spec.Destinations[0].Namespace = "argocd"
		p.Spec.DestinationServiceAccounts = []argo.ApplicationDestinationServiceAccount{{Server: "*", Namespace: "*", DefaultServiceAccount: "deployer"}}
		return p, ok
	}
	got, trials, _ := w.verify(change.Input{Trusted: true, Project: own}, nil)
	if !slices.Equal(trials, []string{"system:serviceaccount:argocd:deployer argocd/a"}) {
		t.Errorf("tried %v", trials)
	}
	if !slices.ContainsFunc(got.Findings, func(f guard.Finding) bool { return f.Check == guard.Project && f.ID.Namespace == "kube-system" }) {
		t.Errorf("what the project forbids is not told: %+v", got.Findings)
	}
}

func TestAnswersBecomeFindings(t *testing.T) {
	w := newWorld(t)
	w.holds["head:web"] = settingsOf("good", "bad", "away") + "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web:gone}]}\n"
	answer := func(u *unstructured.Unstructured) error {
		switch u.GetName() {
		case "bad":
			return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "bad", fmt.Errorf("no"))
		case "away":
			return fmt.Errorf("dial tcp 10.0.0.1:443: refused")
		}
		return nil
	}
	blocking := func(string) guard.Policy {
		return guard.Policy{Levels: map[string]guard.Level{guard.DryRun: guard.Blocking}}
	}
	got, _, _ := w.verify(change.Input{Trusted: true, Guards: blocking}, answer)
	if v := got.Verification; v.Accepted != 2 || v.Denied != 1 || v.Unknown != 1 || len(v.Notes) != 1 || strings.Contains(v.Notes[0], "10.0.0.1") {
		t.Errorf("%+v", v)
	}
	if !got.Failed() || !slices.Equal(got.Guarded(), []string{guard.DryRun}) {
		t.Errorf("blocked by %v", got.Guarded())
	}
	if !slices.ContainsFunc(got.Findings, func(f guard.Finding) bool { return f.Check == guard.Images && f.Severity == guard.Warn }) {
		t.Errorf("the missing image is not told: %+v", got.Findings)
	}
}

func TestAChangeAsksSoMuchAndNoMore(t *testing.T) {
	w := newWorld(t)
	var names []string
	for i := range 320 {
		names = append(names, fmt.Sprintf("a%d", i))
	}
	w.holds["head:web"] = settingsOf(names...)
	got, trials, _ := w.verify(change.Input{Trusted: true}, nil)
	if v := got.Verification; len(trials) != 300 || v.Accepted != 300 || v.Unknown != 20 {
		t.Errorf("%d trials: %d accepted, %d unknown", len(trials), v.Accepted, v.Unknown)
	}
}

func TestSwitchedOffIsNotAsked(t *testing.T) {
	w := newWorld(t)
	w.holds["head:web"] = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web:gone}]}\n"
	off := func(string) guard.Policy {
		return guard.Policy{Levels: map[string]guard.Level{guard.DryRun: guard.Off, guard.Images: guard.Off}}
	}
	if _, trials, images := w.verify(change.Input{Trusted: true, Guards: off}, nil); len(trials)+len(images) > 0 {
		t.Errorf("asked %v and %v", trials, images)
	}
}

func TestWhatIsTornDownFirstIsNotTried(t *testing.T) {
	w := newWorld(t)
	w.holds["head:web"] = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {argocd.argoproj.io/sync-options: 'Replace=true,Force=true'}}\n"
	got, trials, _ := w.verify(change.Input{Trusted: true}, nil)
	if len(trials) > 0 || got.Verification.Unknown != 1 || !strings.Contains(fmt.Sprint(got.Verification.Notes), object.ID{Group: "batch", Kind: "Job", Namespace: "argocd", Name: "j"}.String()) {
		t.Errorf("tried %v: %+v", trials, got.Verification)
	}
}
