package bot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestBesideArgoCD has another engine carry out what the bot asks for: one of ours, which knows nothing of the bot, in the place of Argo CD's
// controller.
func TestBesideArgoCD(t *testing.T) {
	if testing.Short() {
		t.Skip("starts clusters")
	}
	s, err := stage.Start(t.Context(), stage.Options{Binary: program(t), Flags: []string{"--engine=argocd"}, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.Server.Tail(150))
		}
		s.Stop()
	})
	p := (&play{Stage: s, t: t}).atDesks()
	if app := p.application("web-staging"); app.Name != "" {
		t.Errorf("there is an application before any engine runs: %v", app.Status)
	}
	other, err := s.Engine(t.Context())
	p.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the engine's log:\n%s", other.Tail(80))
		}
	})
	p.eventually("the other engine deploys the shop", func() (string, bool) {
		return string(p.application("web-staging").Status.Sync.Status), p.application("web-staging").Status.Sync.Status != ""
	})
	p.act(t, "a sync before the merge", besideBefore)
	p.act(t, "a merge is followed", besideMerge)
	other.Kill()
	p.act(t, "a project is taken over", takenOver)
}

// besideBefore is carried out where nothing syncs by itself, and refused where Argo CD would put the base back.
func besideBefore(p *play) {
	pull := p.ready("beside-manual", p.tag("staging", "3.0.1"))
	p.approve(pull.Number)
	// Argo CD fetches any commit that the forge has; our engine, which stands in for it, only what branches reach.
	merge := fmt.Sprintf("refs/pull/%d/merge", pull.Number)
	p.eventually("the forge tries the merge", func() (string, bool) {
		_, err := p.Forge.Store.Git(p.t.Context(), p.Repo, nil, "update-ref", "refs/heads/tried", merge)
		return fmt.Sprint(err), err == nil
	})
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "**Healthy**")
	done := p.application("web-staging").Status.OperationState
	if _, err := p.Forge.Store.Git(p.t.Context(), p.Repo, nil, "cat-file", "-e", done.Operation.Sync.Revision); err != nil {
		p.t.Errorf("the forge does not have what Argo CD was asked for: %v", err)
	}
	p.reacted(c, "rocket")
	p.runs(p.Client, "shop-staging", "3.0.1")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock"), "Given back")

	pull = p.ready("beside-automated", p.tag("dev", "3.0.1"))
	p.approve(pull.Number)
	c = p.say(stage.Alice, pull.Number, "/lock dev")
	p.answer(pull.Number, c, "Argo CD syncs web-dev by itself, and knows no locks")
	p.reacted(c, "confused")
	if held := p.held(); len(held) != 0 {
		p.t.Errorf("held: %v", held)
	}
}

func besideMerge(p *play) {
	pull := p.ready("beside-merge", p.tag("dev", "3.0.2"))
	p.merge(pull.Number)
	p.runs(p.Client, "shop-dev", "3.0.2")
	p.eventually("the report says that it is healthy", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, "Merged") && strings.Contains(body, "Healthy")
	})
}

// takenOver has the namespace look as if Argo CD ran there: our engine leaves it alone, until the project is given to it.
func takenOver(p *play) {
	ctx := p.t.Context()
	labels := map[string]string{"app.kubernetes.io/name": "argocd-application-controller"}
	p.must(p.Client.Create(ctx, &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "argocd-application-controller", Labels: labels},
		Spec: appsv1.StatefulSetSpec{Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "argocd"}}}}}}))
	_, err := p.Engine(ctx)
	p.must(err)
	before := p.application("web-dev").Status.ReconciledAt
	pull := p.ready("beside-taken", p.tag("dev", "3.0.3"))
	p.merge(pull.Number)
	p.eventually("the application is asked to look", func() (string, bool) {
		app := p.application("web-dev")
		return app.Annotations["argocd.argoproj.io/refresh"], app.Annotations["argocd.argoproj.io/refresh"] != ""
	})
	if after := p.application("web-dev").Status.ReconciledAt; !after.Equal(before) {
		p.t.Errorf("it was reconciled beside Argo CD, at %s", after)
	}
	proj := p.application("web-dev").Spec.ProjectName()
	p.must(p.annotate(ctx, proj))
	p.runs(p.Client, "shop-dev", "3.0.3")
	p.eventually("Argo CD is kept off", func() (string, bool) {
		kept := p.application("web-dev").Annotations["argocd.argoproj.io/skip-reconcile"]
		return kept, kept == "true"
	})
}

// annotate gives a project to our engine.
func (p *play) annotate(ctx context.Context, name string) error {
	proj := &argo.AppProject{}
	if err := p.Client.Get(ctx, client.ObjectKey{Namespace: stage.Namespace, Name: name}, proj); err != nil {
		return err
	}
	before := proj.DeepCopy()
	metav1.SetMetaDataAnnotation(&proj.ObjectMeta, "slipway.dev/engine", "slipway")
	return p.Client.Patch(ctx, proj, client.MergeFrom(before))
}
