package bot_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// wanting opens a pull request with a preview, by a label.
func (p *play) wanting(branch, label string, files map[string]string) store.Pull {
	p.t.Helper()
	pull := p.open(stage.Alice, branch, files)
	p.label(pull.Number, label)
	return pull
}

// ruled has the base say something of previews, until the returned function is called.
func (p *play) ruled(previews string) (undo func()) {
	p.t.Helper()
	good := p.policyFile()
	p.push(stage.Alice, "main", map[string]string{".slipway.yaml": good + "previews: " + previews + "\n"})
	return func() { p.push(stage.Alice, "main", map[string]string{".slipway.yaml": good}) }
}

// house is the namespace of a preview, once it is there and lives.
func (p *play) house(number int) *corev1.Namespace {
	p.t.Helper()
	ns := &corev1.Namespace{}
	p.eventually("a namespace", func() (string, bool) {
		err := p.Client.Get(p.t.Context(), client.ObjectKey{Name: fmt.Sprintf("preview-%d", number)}, ns)
		return fmt.Sprint(err, ns.DeletionTimestamp), err == nil && ns.DeletionTimestamp == nil
	})
	return ns
}

// overlay is the shop's preview, whose pods end with a code.
func overlay(code int) map[string]string {
	return map[string]string{"web/overlays/preview/kustomization.yaml": fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
patches:
  - target: {kind: Deployment}
    patch: |
      - op: add
        path: /spec/template/metadata/annotations
        value: {sandbox.slipway.dev/exit-code: "%d"}
`, code)}
}

// images is a registry over TLS, whose certificate is the forge's; push puts an image into it.
func (p *play) images() (host string, push func(tag string)) {
	p.t.Helper()
	server := httptest.NewUnstartedServer(registry.New())
	server.TLS = p.Forge.TLS()
	server.StartTLS()
	p.t.Cleanup(server.Close)
	return server.Listener.Addr().String(), func(tag string) {
		p.t.Helper()
		const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[],"config":{}}`
		req := httptest.NewRequestWithContext(p.t.Context(), http.MethodPut, "/v2/shop/web/manifests/"+tag, strings.NewReader(manifest))
		req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		answer := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(answer, req)
		if answer.Code != http.StatusCreated {
			p.t.Fatalf("the registry answers %d", answer.Code)
		}
	}
}

// previewUnwell waits for an image, crashes, and gets well by the next push, which waits for its image while the last runs.
func previewUnwell(p *play) {
	host, push := p.images()
	good := p.files()["web/overlays/preview/kustomization.yaml"]
	undo := p.ruled("{image: '" + host + "/shop/web:{{head_short_sha}}'}")
	defer undo()
	pull := p.wanting("unwell", "preview", overlay(1))
	line := p.preview(pull.Number, "its registry does not have it yet")
	if !strings.Contains(line, "⏳ waiting") || !strings.Contains(line, host+"/shop/web:"+pull.HeadSHA[:8]) {
		p.t.Errorf("the comment says %s", line)
	}
	push(pull.HeadSHA[:8])
	line = p.preview(pull.Number, "CrashLoopBackOff")
	if !strings.Contains(line, "preview-"+fmt.Sprint(pull.Number)) || strings.Contains(line, "ready") {
		p.t.Errorf("the comment says %s", line)
	}
	next := p.push(stage.Alice, "unwell", map[string]string{"web/overlays/preview/kustomization.yaml": good})
	line = p.preview(pull.Number, "shop/web:"+next[:8]+" is waited for")
	if !strings.Contains(line, pull.HeadSHA[:10]+", not the newest "+next[:10]) {
		p.t.Errorf("the comment says %s", line)
	}
	push(next[:8])
	p.preview(pull.Number, "**ready**")
	p.close(pull.Number)
	p.nothingLeft(pull.Number)
}

// previewUnseeded has a hook whose pods the quota around it refuses, and is closed while that is waited for.
func previewUnseeded(p *play) {
	pull := p.wanting("unseeded", "preview", p.seeded(strings.Replace(seed, ", resources: {limits: {memory: 64Mi}}", "", 1)))
	line := p.preview(pull.Number, "must specify limits.memory")
	if !strings.Contains(line, "seed") || !strings.Contains(line, "slipway-preview") {
		p.t.Errorf("the comment says %s", line)
	}
	p.close(pull.Number)
	p.nothingLeft(pull.Number)
	p.preview(pull.Number, "gone: nothing of it is left")
}

// seeded is the shop's preview with a hook.
func (p *play) seeded(hook string) map[string]string {
	p.t.Helper()
	const at = "web/overlays/preview/kustomization.yaml"
	return map[string]string{
		at:                               strings.Replace(p.files()[at], "  - ../../base\n", "  - ../../base\n  - seed.yaml\n", 1),
		"web/overlays/preview/seed.yaml": hook,
	}
}

// strictSet is a set whose previews are in a project that is too wide, and give an address at which nobody is.
const strictSet = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: wide, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{name: in-cluster, server: https://kubernetes.default.svc, namespace: "*"}]
  clusterResourceWhitelist: [{group: "", kind: Namespace}]
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: strict, namespace: argocd}
spec:
  generators:
    - pullRequest: {github: {api: https://git.example.com/api/v3/, owner: acme, repo: shop, labels: [strict]}}
  template:
    metadata:
      name: strict-{{number}}
      annotations: {slipway.dev/preview-probe: /healthz}
    spec:
      project: wide
      source:
        repoURL: https://git.example.com/acme/shop.git
        targetRevision: "{{head_sha}}"
        path: web/overlays/preview
        kustomize: {commonAnnotations: {link.argocd.argoproj.io/external-link: "https://front.example.com/nobody-{{number}}/"}}
      destination: {name: in-cluster, namespace: "preview-{{number}}"}
      syncPolicy: {automated: {}, syncOptions: [CreateNamespace=true]}
`

// previewUnanswered is refused by its project, then does not answer where it says that it is.
func previewUnanswered(p *play) {
	p.must(p.Apply(p.t.Context(), strictSet))
	pull := p.wanting("unanswered", "strict", map[string]string{"web/base/unanswered.txt": "1\n"})
	line := p.preview(pull.Number, "project wide lets applications into every namespace")
	if p.application(fmt.Sprintf("strict-%d", pull.Number)).Name != "" {
		p.t.Errorf("there is an application all the same: %s", line)
	}
	p.preview(pull.Number, "**not well**")
	p.must(p.Apply(p.t.Context(), strings.Replace(strictSet, `namespace: "*"}]`, `namespace: "preview-*"}]`, 1)))
	p.preview(pull.Number, "does not answer yet")
	p.must(p.Apply(p.t.Context(), strings.NewReplacer(`namespace: "*"}]`, `namespace: "preview-*"}]`, "nobody-", "preview-").Replace(strictSet)))
	p.preview(pull.Number, "**ready**")
	if code := p.answers(pull.Number); code != http.StatusOK {
		p.t.Errorf("its address answers %d", code)
	}
	p.close(pull.Number)
	p.eventually("it is gone", func() (string, bool) {
		line := p.preview(pull.Number, "gone")
		return line, p.application(fmt.Sprintf("strict-%d", pull.Number)).Name == ""
	})
	// What a command asks for, every set makes.
	p.must(p.Client.Delete(p.t.Context(), &argo.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "strict"}}))
}

// previewsOfTheHasty loses its label and gets it back, is closed while it is made, and opened again while it goes; all that while the forge
// takes no deployments.
func previewsOfTheHasty(p *play) {
	p.Forge.Faults.Add(forge.Fault{Method: http.MethodPost, Path: regexp.MustCompile(`/deployments$`), Times: 1 << 20, Status: http.StatusBadGateway})
	defer p.Forge.Faults.Clear()
	pull := p.wanting("hasty", "preview", map[string]string{"web/base/hasty.txt": "1\n"})
	first := p.house(pull.Number)
	p.unlabel(pull.Number, "preview")
	p.preview(pull.Number, "being taken down")
	p.label(pull.Number, "preview")
	p.preview(pull.Number, "**ready**")
	if again := p.house(pull.Number); again.UID != first.UID {
		p.t.Errorf("a label that was taken away for a moment took the namespace away: %s, then %s", first.UID, again.UID)
	}
	p.Forge.Faults.Clear()
	p.deployed(first.Name, "success")

	p.close(pull.Number)
	p.eventually("the namespace to go", func() (string, bool) {
		ns := &corev1.Namespace{}
		err := p.Client.Get(p.t.Context(), client.ObjectKeyFromObject(first), ns)
		return fmt.Sprint(err), err != nil || ns.DeletionTimestamp != nil
	})
	_, err := p.Forge.As(stage.Alice).Reopen(p.t.Context(), stage.Shop, pull.Number)
	p.must(err)
	p.preview(pull.Number, "**ready**")
	if again := p.house(pull.Number); again.UID == first.UID {
		p.t.Error("the namespace was not taken away")
	}

	other := p.wanting("hastier", "preview", map[string]string{"web/base/hastier.txt": "1\n"})
	p.house(other.Number)
	p.asleep(func() { p.close(pull.Number) })
	p.preview(other.Number, "**ready**")
	p.close(other.Number)
	for _, number := range []int{pull.Number, other.Number} {
		p.nothingLeft(number)
		p.preview(number, "gone: nothing of it is left")
		p.deployed(fmt.Sprintf("preview-%d", number), "inactive")
	}
}

// previewLeftovers holds a namespace back by a finalizer of somebody's, and another by what is not the preview's.
func previewLeftovers(p *play) {
	ctx := p.t.Context()
	pulls := []store.Pull{
		p.wanting("leftover", "preview", map[string]string{"web/base/leftover.txt": "1\n"}),
		p.wanting("kept", "preview", map[string]string{"web/base/kept.txt": "1\n"}),
	}
	for _, pull := range pulls {
		p.preview(pull.Number, "**ready**")
	}
	held := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("preview-%d", pulls[0].Number), Name: "held", Finalizers: []string{"example.com/hold"}}}
	p.must(p.Client.Create(ctx, held))
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("preview-%d", pulls[1].Number), Name: "by-hand"}}
	p.must(p.Client.Create(ctx, kept))
	for _, pull := range pulls {
		p.close(pull.Number)
	}
	p.preview(pulls[1].Number, kept.Namespace+" stays")
	p.preview(pulls[0].Number, "example.com/hold")
	p.must(p.Client.Patch(ctx, held, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
	p.nothingLeft(pulls[0].Number)
	p.preview(pulls[0].Number, "gone: nothing of it is left")
	p.must(p.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kept.Namespace}}))
}

// previewsTime is given more, ends, and stays ended until somebody asks.
func previewsTime(p *play) {
	pull := p.wanting("timely", "preview", map[string]string{"web/base/timely.txt": "1\n"})
	p.preview(pull.Number, "**ready**")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview extend 24h"), "is to last until")
	p.preview(pull.Number, " · until ")
	p.over(pull.Number)
	p.say(stage.Bob, pull.Number, "what a nice shop")
	p.nothingLeft(pull.Number)
	line := p.preview(pull.Number, "its time was up")
	p.push(stage.Bob, "elsewhere-2", map[string]string{"README.md": "words\n"})
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/status"), "")
	if again := p.preview(pull.Number, "its time was up"); strings.Contains(again, "ready") {
		p.t.Errorf("%s; then %s", line, again)
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview extend 24h"), "is to last until")
	p.preview(pull.Number, "**ready**")
	p.close(pull.Number)
	p.nothingLeft(pull.Number)
}

// over has the time of a preview be up.
func (p *play) over(number int) {
	p.t.Helper()
	p.eventually("the time is changed", func() (string, bool) {
		list := &slipway.PullRequestList{}
		p.must(p.Client.List(p.t.Context(), list, client.InNamespace(stage.Namespace)))
		for i := range list.Items {
			r := &list.Items[i]
			if r.Spec.Number != number || r.Spec.Forge != slipway.ForgeGitHub {
				continue
			}
			past := metav1.NewTime(time.Now().Add(-time.Minute))
			r.Status.Preview.Until, r.Status.Environment.Expires = &past, &past
			err := p.Client.Status().Update(p.t.Context(), r)
			return fmt.Sprint(err), err == nil
		}
		return "there is none", false
	})
}

// previewOfAConflict cannot be merged, and is wanted all the same.
func previewOfAConflict(p *play) {
	defer p.ruled("{paths: [/web/]}")()
	p.push(stage.Alice, "torn", map[string]string{"web/base/torn.txt": "1\n"})
	p.push(stage.Alice, "main", map[string]string{"web/base/torn.txt": "2\n"})
	pull, err := p.Forge.As(stage.Alice).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "torn", Head: "torn", Base: "main"})
	p.must(err)
	p.label(pull.Number, "preview")
	p.preview(pull.Number, "**ready**")
	p.close(pull.Number)
	p.nothingLeft(pull.Number)
}

// previewOfNobody asks for a preview where nothing makes any.
func previewOfNobody(p *play) {
	ctx := p.t.Context()
	pull := p.open(stage.Alice, "nobody", map[string]string{"web/base/nobody.txt": "1\n"})
	p.reported(pull.Number, pull.HeadSHA)
	set := &argo.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "previews"}}
	p.must(p.Client.Patch(ctx, set, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"generators":[{"list":{"elements":[]}}]}}`))))
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview"), "no ApplicationSet with a pullRequest generator")
	p.close(pull.Number)
}
