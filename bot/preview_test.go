package bot_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestPreviews are the environments of pull requests, from the label to the last trace.
func TestPreviews(t *testing.T) {
	p := perform(t).atDesks()
	type act struct {
		name string
		play func(*play)
	}
	t.Run("side by side", func(t *testing.T) {
		for _, a := range []act{
			{"unseeded", previewUnseeded},
			{"unanswered", previewUnanswered},
			{"what is left behind", previewLeftovers},
			{"time", previewsTime},
			{"on GitLab", previewOnGitLab},
		} {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.play(p.by(t))
			})
		}
	})
	for _, a := range []act{ // with policies of their own, or a forge that fails
		{"from the label to the last trace", previewLife},
		{"a stranger's commits", previewOfAStranger},
		{"what is refused", previewsRefused},
		{"by command, and in line", previewsInLine},
		{"not for drafts", previewOfADraft},
		{"unwell", previewUnwell},
		{"in haste", previewsOfTheHasty},
		{"of a conflict", previewOfAConflict},
		{"of nobody", previewOfNobody}, // takes the set away
	} {
		p.act(t, a.name, a.play)
	}
}

// preview waits until the comment of a pull request says something of its environment: in words, whatever is shown as code.
func (p *play) preview(number int, says string) string {
	p.t.Helper()
	var line string
	p.eventually("the comment to say "+says, func() (string, bool) {
		for _, c := range p.ours(number, "<!-- slipway:report ") {
			if l, ok := lineWith(c.Body, "**Preview**"); ok {
				line = strings.ReplaceAll(l, "`", "") // names are code where they stand in prose
			}
		}
		return line, strings.Contains(line, says)
	})
	return line
}

// policyFile is the shop's policy.
func (p *play) policyFile() string { return p.files()[".slipway.yaml"] }

// files are those of the shop.
func (p *play) files() map[string]string {
	p.t.Helper()
	files, err := p.Files("fixtures/repos/shop")
	p.must(err)
	return files
}

// answers asks the door for the shop of a preview.
func (p *play) answers(number int) int {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/preview-%d/", p.Door, number), nil)
	p.must(err)
	resp, err := http.DefaultClient.Do(req)
	p.must(err)
	defer resp.Body.Close()
	return resp.StatusCode
}

// nothingLeft waits until neither application nor namespace of a preview is there.
func (p *play) nothingLeft(number int) {
	p.t.Helper()
	name := fmt.Sprintf("preview-%d", number)
	p.eventually("nothing to be left of "+name, func() (string, bool) {
		err := p.Client.Get(p.t.Context(), client.ObjectKey{Namespace: stage.Namespace, Name: name}, &argo.Application{})
		if !apierrors.IsNotFound(err) {
			return fmt.Sprint("the application: ", err), false
		}
		err = p.Client.Get(p.t.Context(), client.ObjectKey{Name: name}, &corev1.Namespace{})
		return fmt.Sprint("the namespace: ", err), apierrors.IsNotFound(err)
	})
}

func previewLife(p *play) {
	pull := p.open(stage.Alice, "pretty", p.seeded(seed))
	p.reported(pull.Number, pull.HeadSHA)
	if body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body; strings.Contains(body, "**Preview**") {
		p.t.Errorf("a preview that nobody asked for:\n%s", body)
	}
	start := time.Now()
	p.label(pull.Number, "preview")
	namespace := fmt.Sprintf("preview-%d", pull.Number)
	p.eventually("the first object", func() (string, bool) {
		err := p.Client.Get(p.t.Context(), client.ObjectKey{Name: namespace}, &corev1.Namespace{})
		return fmt.Sprint(err), err == nil
	})
	first := time.Since(start)
	line := p.preview(pull.Number, "**ready**")
	p.t.Logf("the first object after %s, ready after %s: %s", first, time.Since(start), line)
	if !strings.Contains(line, p.Door+"/"+namespace+"/") || !strings.Contains(line, pull.HeadSHA[:10]) {
		p.t.Errorf("the comment says %s", line)
	}
	if code := p.answers(pull.Number); code != http.StatusOK {
		p.t.Errorf("its address answers %d", code)
	}
	for _, around := range []client.Object{&corev1.ResourceQuota{}, &networkingv1.NetworkPolicy{}} {
		if err := p.Client.Get(p.t.Context(), client.ObjectKey{Namespace: namespace, Name: "slipway-preview"}, around); err != nil {
			p.t.Errorf("what stands around it: %v", err)
		}
	}
	p.deployed(namespace, "success")

	if job := (&batchv1.Job{}); p.Client.Get(p.t.Context(), client.ObjectKey{Namespace: namespace, Name: "seed"}, job) != nil || job.Status.Succeeded != 1 {
		p.t.Errorf("the data was not seeded: %+v", job.Status)
	}

	next := p.push(stage.Alice, "pretty", map[string]string{"web/base/kustomization.yaml": "" +
		"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nlabels: [{pairs: {app.kubernetes.io/name: web}, includeSelectors: true}]\n" +
		"resources: [deployment.yaml, service.yaml, ingress.yaml, secret.yaml]\nconfigMapGenerator: [{name: web-settings, literals: [BANNER=Prettier]}]\n"})
	p.eventually("the next commit", func() (string, bool) {
		line := p.preview(pull.Number, "**ready**")
		return line, strings.Contains(line, next[:10]) && !strings.Contains(line, "not the newest")
	})
	p.deployed(namespace, "success")
	for _, d := range p.Forge.Store.Deployments(p.Repo.ID) {
		last := p.Forge.Store.DeploymentStatuses(d.ID)[0]
		switch {
		case d.Environment != namespace:
		case !d.Transient || d.Production:
			p.t.Errorf("the environment is not a passing one: %+v", d)
		case (last.State == "success") != (d.SHA == next):
			p.t.Errorf("the deployment of %s is %s", d.SHA, last.State)
		case d.SHA == next && !strings.HasPrefix(last.EnvironmentURL, p.Door+"/"+namespace):
			p.t.Errorf("its address is %s", last.EnvironmentURL)
		}
	}
	p.close(pull.Number)
	p.nothingLeft(pull.Number)
	p.preview(pull.Number, "gone")
	p.deployed(namespace, "inactive")
}

// seed fills the data of a preview before anything else is there.
const seed = `apiVersion: batch/v1
kind: Job
metadata:
  name: seed
  annotations: {argocd.argoproj.io/hook: PreSync}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: seed, image: "registry.example.com/shop/seed:1", resources: {limits: {memory: 64Mi}}}]
`

// previewOfAStranger has no preview until somebody vouches for a commit, and stays at that commit. Its branch has the name of one of the
// base's that has a preview too.
func previewOfAStranger(p *play) {
	defer p.ruled("{paths: [/web/]}")()
	const branch = "Feature/A_Rather-LONG.name/of-which-no-namespace-could-ever-be-named-as-it-is-longer-than-63"
	namesake := p.wanting(branch, "preview", map[string]string{"web/base/namesake.txt": "1\n"})
	fork, err := p.Forge.As(stage.Mallory).Fork(p.t.Context(), stage.Shop)
	p.must(err)
	give := func(content string) {
		_, err := p.Forge.As(stage.Mallory).Commit(p.t.Context(), fork.FullName(), store.FileCommit{Branch: branch, Message: "A gift",
			Files: map[string]string{"web/base/gift.txt": content}})
		p.must(err)
	}
	give("1\n")
	pull, err := p.Forge.As(stage.Mallory).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "A gift", Head: stage.Mallory + ":" + branch, Base: "main"})
	p.must(err)
	p.label(pull.Number, "preview")
	line := p.preview(pull.Number, "none")
	if !strings.Contains(line, "/ok-to-test") {
		p.t.Errorf("the comment says %s", line)
	}
	p.say(stage.Alice, pull.Number, "/ok-to-test")
	p.preview(pull.Number, "**ready**")
	give("2\n")
	line = p.preview(pull.Number, "not the newest")
	if !strings.Contains(line, pull.HeadSHA[:10]) {
		p.t.Errorf("the comment says %s", line)
	}
	app := p.application(fmt.Sprintf("preview-%d", pull.Number))
	if app.Spec.Source.TargetRevision != pull.HeadSHA {
		p.t.Errorf("it runs %s", app.Spec.Source.TargetRevision)
	}
	if line := p.preview(namesake.Number, "**ready**"); !strings.Contains(line, namesake.HeadSHA[:10]) {
		p.t.Errorf("the namesake's comment says %s", line)
	}
	p.close(namesake.Number)
	p.unlabel(pull.Number, "preview")
	p.nothingLeft(namesake.Number)
	p.nothingLeft(pull.Number) // a label that was taken away may come back for half a minute
}

// previewsRefused are asked for by people who may not, of what nobody has vouched for, and where there is nothing to ask about.
func previewsRefused(p *play) {
	pull := p.open(stage.Alice, "unwanted", map[string]string{"web/base/unwanted.txt": "1\n"})
	p.reported(pull.Number, pull.HeadSHA)
	p.answer(pull.Number, p.say(stage.Mallory, pull.Number, "/preview"), "someone with write permission")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview extend 4h"), "no preview of this pull request")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview extend never"), "is no time between")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview strat"), "did you mean /preview start?")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview --dry-run"), "nothing was recorded")

	fork, err := p.Forge.As(stage.Mallory).Fork(p.t.Context(), stage.Shop)
	p.must(err)
	_, err = p.Forge.As(stage.Mallory).Commit(p.t.Context(), fork.FullName(), store.FileCommit{Branch: "strange", Message: "A gift", Files: map[string]string{"web/base/strange.txt": "1\n"}})
	p.must(err)
	strange, err := p.Forge.As(stage.Mallory).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "A gift", Head: stage.Mallory + ":strange", Base: "main"})
	p.must(err)
	p.reported(strange.Number, strange.HeadSHA)
	p.answer(strange.Number, p.say(stage.Alice, strange.Number, "/preview"), "comments /ok-to-test")

	for _, number := range []int{pull.Number, strange.Number} {
		_, err = p.Forge.As("root").ClosePull(p.t.Context(), stage.Shop, number)
		p.must(err)
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview"), "is opened again")
	if err := p.Client.Get(p.t.Context(), client.ObjectKey{Namespace: stage.Namespace, Name: fmt.Sprintf("preview-%d", pull.Number)}, &argo.Application{}); !apierrors.IsNotFound(err) {
		p.t.Errorf("a preview was made: %v", err)
	}
}

// previewsInLine have one place: the second waits until the first is stopped.
func previewsInLine(p *play) {
	good := p.policyFile()
	p.push(stage.Alice, "main", map[string]string{".slipway.yaml": good + "previews:\n  limit: 1\n  ttl: 72h\n"})
	defer p.push(stage.Alice, "main", map[string]string{".slipway.yaml": good})
	var pulls []store.Pull
	for _, branch := range []string{"first", "second"} {
		pull := p.open(stage.Alice, branch, map[string]string{"web/base/" + branch + ".txt": "1\n"})
		p.reported(pull.Number, pull.HeadSHA)
		p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview"), "A preview is wanted")
		pulls = append(pulls, pull)
		if branch == "first" {
			p.preview(pull.Number, "until ")
		}
	}
	p.preview(pulls[1].Number, "number 1 in the line")
	p.preview(pulls[0].Number, "**ready**")
	p.say(stage.Alice, pulls[0].Number, "/preview stop")
	p.nothingLeft(pulls[0].Number)
	p.preview(pulls[1].Number, "**ready**")
	for _, pull := range pulls {
		p.close(pull.Number)
	}
	p.nothingLeft(pulls[1].Number)
}

func previewOfADraft(p *play) {
	good := p.policyFile()
	p.push(stage.Alice, "main", map[string]string{".slipway.yaml": good + "previews: {paths: [/web/]}\n"})
	defer p.push(stage.Alice, "main", map[string]string{".slipway.yaml": good})
	p.push(stage.Alice, "rough", map[string]string{"web/base/rough.txt": "1\n"})
	pull, err := p.Forge.As(stage.Alice).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "rough", Head: "rough", Base: "main", Draft: true})
	p.must(err)
	p.label(pull.Number, "preview")
	p.preview(pull.Number, "drafts have none")
	draft := func(is bool) {
		_, err := p.Forge.As(stage.Alice).Edit(p.t.Context(), stage.Shop, pull.Number, store.PullEdit{Draft: &is})
		p.must(err)
	}
	draft(false)
	p.preview(pull.Number, "**ready**")
	draft(true)
	p.preview(pull.Number, "being taken down")
	p.close(pull.Number)
	p.nothingLeft(pull.Number)
	other := p.open(stage.Alice, "elsewhere", map[string]string{"README.md": "words\n"})
	p.label(other.Number, "preview")
	p.preview(other.Number, "it changes none of /web/")
	p.close(other.Number)
}
