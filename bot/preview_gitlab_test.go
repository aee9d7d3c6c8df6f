package bot_test

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// labPreviews is a set for merge requests of a GitLab project, which it names by its number, as Argo CD's guide does.
const labPreviews = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: lab-previews, namespace: argocd}
spec:
  sourceRepos: ["https://git.example.com/lab/tools.git"]
  destinations: [{name: in-cluster, server: https://kubernetes.default.svc, namespace: "lab-*"}]
  clusterResourceWhitelist: [{group: "", kind: Namespace}]
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: lab-previews, namespace: argocd}
spec:
  generators:
    - pullRequest: {gitlab: {api: https://git.example.com/, project: "NUMBER", labels: [preview], pullRequestState: opened}}
  template:
    metadata: {name: "lab-{{number}}"}
    spec:
      project: lab-previews
      source: {repoURL: https://git.example.com/lab/tools.git, targetRevision: "{{head_sha}}", path: .}
      destination: {name: in-cluster, namespace: "lab-{{number}}"}
      syncPolicy: {automated: {}, syncOptions: [CreateNamespace=true]}
`

// lab is what is done on the GitLab project.
type lab struct {
	*play
	repo store.Repo
}

// note waits for the bot's note on a merge request to say something of its environment.
func (l lab) note(number int, says string) string {
	l.t.Helper()
	var line string
	l.eventually("a note with "+says, func() (string, bool) {
		for _, c := range l.Forge.Store.Comments(l.repo.ID, number) {
			if found, ok := lineWith(c.Body, "**Preview**"); ok {
				line = strings.ReplaceAll(found, "`", "")
			}
		}
		return line, strings.Contains(line, says)
	})
	return line
}

func (l lab) environment(number int) store.Environment {
	l.t.Helper()
	e, _ := l.Forge.Store.Environment(l.repo.ID, fmt.Sprintf("preview-%d", number))
	return e
}

func (l lab) gone(number int) {
	l.t.Helper()
	l.note(number, "gone: nothing of it is left")
	err := l.Client.Get(l.t.Context(), client.ObjectKey{Name: fmt.Sprintf("lab-%d", number)}, &corev1.Namespace{})
	if !apierrors.IsNotFound(err) {
		l.t.Errorf("the namespace: %v", err)
	}
	l.eventually("the environment to be stopped", func() (string, bool) {
		e := l.environment(number)
		return fmt.Sprintf("%+v", e), e.Stopped
	})
}

// previewOnGitLab is the life of a merge request's preview, and of one of a stranger's.
func previewOnGitLab(p *play) {
	ctx := p.t.Context()
	repo, _ := p.Forge.Store.RepoByName(stage.Tools)
	l := lab{p, repo}
	p.must(p.Apply(ctx, strings.Replace(labPreviews, "NUMBER", fmt.Sprint(repo.ID), 1)))
	settings := map[string]string{"settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: tools\n  annotations:\n" +
		"    link.argocd.argoproj.io/external-link: " + p.Forge.URL + "/\ndata:\n  greeting: Welcome\n"}
	alice := p.Forge.As(stage.Alice)
	_, err := alice.Commit(ctx, stage.Tools, store.FileCommit{Branch: "greet/you", Message: "Greet", Files: settings})
	p.must(err)
	mr, err := alice.Open(ctx, stage.Tools, store.NewPull{Title: "Greet", Head: "greet/you", Base: "main"})
	p.must(err)
	_, err = alice.Label(stage.Tools, mr.Number, "preview")
	p.must(err)
	l.note(mr.Number, "**ready**, at [")
	p.eventually("the environment and its deployment", func() (string, bool) {
		e, all := l.environment(mr.Number), p.Forge.Store.Deployments(repo.ID)
		if len(all) != 1 || all[0].SHA != mr.HeadSHA || all[0].Ref != "greet/you" {
			return fmt.Sprintf("%+v", all), false
		}
		last := p.Forge.Store.DeploymentStatuses(all[0].ID)[0]
		return fmt.Sprintf("%+v, %+v", e, last), e.ExternalURL == p.Forge.URL+"/" && !e.Stopped && last.State == "success"
	})
	_, err = alice.Merge(ctx, stage.Tools, mr.Number, store.Merge{})
	p.must(err)
	l.gone(mr.Number)

	fork, err := p.Forge.As(stage.Mallory).Fork(ctx, stage.Tools)
	p.must(err)
	_, err = p.Forge.As(stage.Mallory).Commit(ctx, fork.FullName(), store.FileCommit{Branch: "gift", Message: "A gift", Files: map[string]string{"gift.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gift}\n"}})
	p.must(err)
	gift, err := p.Forge.As(stage.Mallory).Open(ctx, stage.Tools, store.NewPull{Title: "A gift", Head: stage.Mallory + ":gift", Base: "main"})
	p.must(err)
	_, err = alice.Label(stage.Tools, gift.Number, "preview")
	p.must(err)
	l.note(gift.Number, "wait for /slipway ok-to-test")
	_, err = alice.Comment(stage.Tools, gift.Number, "/slipway ok-to-test")
	p.must(err)
	l.note(gift.Number, "**ready**")
	_, err = alice.Comment(stage.Tools, gift.Number, "/slipway preview stop")
	p.must(err)
	l.gone(gift.Number)
	l.note(gift.Number, "gone")
	_, err = alice.ClosePull(ctx, stage.Tools, gift.Number)
	p.must(err)
}
