package bot_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// guarding is a policy that names people, teams and owners.
const guarding = `
environments:
  - name: dev
    beforeMerge: true
    allow: {users: [bob], teams: [acme/platform], force: {users: [bob]}, actions: [resume]}
  - name: staging
    beforeMerge: true
    requires: {codeOwners: true}
  - name: prod
`

// TestGates is about who may what: people, teams, owners, options that only some may use, trials, and parts of an application.
func TestGates(t *testing.T) {
	p := perform(t, "--previews=false").atDesks()
	p.push("root", "main", map[string]string{".slipway.yaml": guarding, ".github/CODEOWNERS": "/web/overlays/staging/ @acme/platform\n"})
	p.must(p.Forge.Member(stage.Owner, "root", "platform"))
	for _, act := range []struct {
		name string
		play func(*play)
	}{
		{"only those whom the environment names", peopleOnly},
		{"a code owner", codeOwner},
		{"trials", trials},
		{"a part, and what is gone", parts},
		{"what is misspelt", misspelt},
		{"what is not as it was reviewed", notAsReviewed},
		{"what cannot be rendered", nothingWhole},
		{"what declares applications", declaring},
		{"what nobody has vouched for", untrusted},
		{"an action with a parameter", scaled},
	} {
		p.act(t, act.name, act.play)
	}
}

// peopleOnly refuses alice, who may write, and says who may.
func peopleOnly(p *play) {
	pull := p.open(stage.Alice, "people", p.tag("dev", "1.7.1"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	c := p.say(stage.Alice, pull.Number, "/sync dev --force")
	reply := p.answer(pull.Number, c, "one of: bob, acme/platform")
	p.t.Logf("the refusal:\n%s", reply.Body)
	if !strings.Contains(reply.Body, "alice may not use --force") || !strings.Contains(reply.Body, "given by one of: bob |") {
		p.t.Errorf("it does not say who may use --force:\n%s", reply.Body)
	}
	p.untouched("web-dev", c)
	p.explained(stage.Alice, pull.Number, "alice is not among them", "one of: bob, acme/platform")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/lock dev"), "one of: bob, acme/platform")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/action restart deploy/web dev"), "is not among the actions of dev: resume")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/preview"), "brings up no environments")

	p.must(p.Forge.Member(stage.Owner, stage.Alice, "platform"))
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync dev"), "**Healthy**")
	p.runs(p.Client, "shop-dev", "1.7.1")
	p.close(pull.Number)
}

// codeOwner has somebody approve who owns nothing, and then an owner.
func codeOwner(p *play) {
	pull := p.open(stage.Alice, "owned", p.tag("staging", "1.7.2"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	reply := p.answer(pull.Number, c, "1 file without an owner's approval: web/overlays/staging/kustomization.yaml")
	p.t.Logf("the refusal:\n%s", reply.Body)
	if !strings.Contains(reply.Body, "is approved by @acme/platform (.github/CODEOWNERS)`") { // in code, so that nobody is called
		p.t.Errorf("it does not say who owns it:\n%s", reply.Body)
	}
	p.untouched("web-staging", c)
	p.explained(stage.Alice, pull.Number, "1 file without an owner's approval: web/overlays/staging/kustomization.yaml")
	// A head that takes the owners out of the file is judged by the base's.
	next := p.push(stage.Alice, "owned", map[string]string{".github/CODEOWNERS": "* @bob\n"})
	p.reported(pull.Number, next)
	p.approve(pull.Number)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "without an owner's approval")
	p.approves("root", pull.Number)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.7.2")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock"), "Given back")
}

// owned opens a pull request that an owner has approved.
func (p *play) owned(branch string, files map[string]string) store.Pull {
	p.t.Helper()
	pull := p.open(stage.Alice, branch, files)
	p.reported(pull.Number, pull.HeadSHA)
	p.approves("root", pull.Number)
	return pull
}

// trials gives what acts with --dry-run: the answers say what would be, and nothing is.
func trials(p *play) {
	before := p.image(p.Client, "shop-staging")
	pull := p.owned("trials", p.tag("staging", "1.7.3"))
	for _, trial := range [][2]string{
		{"/sync staging --dry-run", "**Succeeded**"}, // of a commit that no lock holds on to
		{"/lock staging --dry-run", "Dry run"},
		{"/unlock --dry-run", "holds nothing"},
		{"/override schema --dry-run it is a trial", "nobody may override schema"},
	} {
		p.t.Logf("%s:\n%s", trial[0], p.answer(pull.Number, p.say(stage.Alice, pull.Number, trial[0]), trial[1]).Body)
	}
	if now := p.image(p.Client, "shop-staging"); now != before {
		p.t.Errorf("a trial deployed %s", now)
	}
	if held := p.held(); len(held) != 0 {
		p.t.Errorf("a trial holds %v", held)
	}
}

// parts deploys one object of an application, and takes away what is gone only where that is asked for.
func parts(p *play) {
	const file = "web/overlays/staging/kustomization.yaml"
	files := p.tag("staging", "1.7.4")
	head, _, _ := strings.Cut(files[file], "patches:")
	files[file] = head + `patches:
  - patch: |
      $patch: delete
      apiVersion: networking.k8s.io/v1
      kind: Ingress
      metadata: {name: web}
  - patch: |
      apiVersion: v1
      kind: Service
      metadata: {name: web, annotations: {part: "yes"}}
`
	before := p.image(p.Client, "shop-staging")
	pull := p.owned("parts", files)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging --resource Service"), "is no resource")
	nothing := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging --resource apps:StatefulSet:web"), "apps:Deployment:web")
	p.t.Logf("what is not there:\n%s", nothing.Body)
	some := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging --resource :Service:web"), "**Healthy**")
	p.t.Logf("a part:\n%s", some.Body)
	service := &corev1.Service{}
	p.must(p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: "shop-staging", Name: "web"}, service))
	if service.Annotations["part"] != "yes" || p.image(p.Client, "shop-staging") != before {
		p.t.Errorf("the Service has %v, and %s runs", service.Annotations, p.image(p.Client, "shop-staging"))
	}

	ingress := func() error {
		return p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: "shop-staging", Name: "web"}, &networkingv1.Ingress{})
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.7.4")
	if err := ingress(); err != nil {
		p.t.Errorf("pruned unasked: %v", err)
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging --prune"), "**Healthy**")
	p.eventually("what is gone is pruned", func() (string, bool) { err := ingress(); return fmt.Sprint(err), apierrors.IsNotFound(err) })
	d := &appsv1.Deployment{}
	p.must(p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: "shop-staging", Name: "web"}, d))
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock"), "Given back")
}

// misspelt has commands that are almost right: each answer says what was probably meant, and nothing is done.
func misspelt(p *play) {
	pull := p.owned("misspelt", p.tag("staging", "1.7.5"))
	for line, says := range map[string]string{
		"/synk staging":                  "/sync staging?",
		"/sync stagign":                  "staging",
		"/sync staging --prnue":          "did you mean --prune?",
		"/slipway deploy staging":        "/help",
		"/sync app:web-stagin":           "app:web-staging",
		"/override shcema it is a trial": "did you mean /override schema?",
	} {
		c := p.say(stage.Alice, pull.Number, line)
		p.t.Logf("%s:\n%s", line, p.answer(pull.Number, c, says).Body)
		p.reacted(c, "confused")
		p.untouched("web-staging", c)
	}
	c := p.say(stage.Alice, pull.Number, "Here it goes:\n\n/diff\n/status staging\n\n> /sync staging\n\n`/sync staging`\n\n/help")
	p.reacted(c, "rocket")
	p.eventually("status and help are answered", func() (string, bool) {
		all := ""
		for _, o := range p.ours(pull.Number, "<!-- slipway:reply ") {
			if first, _, _ := strings.Cut(o.Body, "\n"); strings.Contains(first, "-"+itoa(c.ID)+"-") {
				all += o.Body
			}
		}
		return all, strings.Contains(all, "### Status") && strings.Contains(all, "### Commands")
	})
	p.untouched("web-staging", c)
}
