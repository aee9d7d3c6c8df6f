package bot_test

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// watchful is a policy that blocks what guards find in dev, and says who may let it pass.
const watchful = `
environments:
  - name: dev
    beforeMerge: true
    guards: {schema: block, dry-run: block, images: block, project: block, destructive: block, kinds: block, deprecated-apis: block}
  - name: staging
  - name: prod
rules:
  - name: owned
    message: say who owns it, by the label owner
    level: block
    match: {kinds: [core/ConfigMap], environments: [dev]}
    expression: "has(object.metadata.labels) && 'owner' in object.metadata.labels"
overrides:
  - guards: ["*"]
    by: {users: [bob]}
`

// forbidding is a policy of the cluster, of which its API server alone knows.
const forbidding = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-debug}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!('debug' in object.data)", message: "debugging is not for this cluster"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-debug}
spec: {policyName: no-debug, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop-dev}}}}
`

// gadgets are of a kind whose first version is on its way out.
const gadgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.shop.example}
spec:
  group: shop.example
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
  - {name: v1alpha1, served: true, storage: false, deprecated: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// claim is what the base has and the change takes away.
const claim = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: orders}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// questionable has something for every guard.
const questionable = `apiVersion: v1
kind: ConfigMap
metadata: {name: misshapen, labels: {owner: shop}}
data:
  port: 80
---
apiVersion: v1
kind: ConfigMap
metadata: {name: debugging, labels: {owner: shop}}
data: {debug: "hunter2"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop-new}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: early, namespace: shop-new, labels: {owner: shop}}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: outdated}
spec: {minAvailable: 1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: kube-system, labels: {owner: shop}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ownerless}
---
apiVersion: v1
kind: Pod
metadata: {name: images}
spec:
  containers:
  - {name: there, image: REGISTRY/shop/web:there}
  - {name: gone, image: REGISTRY/shop/web:gone}
---
apiVersion: shop.example/v1alpha1
kind: Gadget
metadata: {name: old}
---
apiVersion: shop.example/v1
kind: Gizmo
metadata: {name: unheard-of}
`

// serveImages runs a registry over TLS that has one image, and has the installation trust its certificate.
func (p *play) serveImages() (host string) {
	p.t.Helper()
	server := httptest.NewTLSServer(registry.New())
	p.t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	p.must(err)
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[],"config":{}}`
	put, err := http.NewRequestWithContext(p.t.Context(), http.MethodPut, server.URL+"/v2/shop/web/manifests/there", strings.NewReader(manifest))
	p.must(err)
	put.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	answer, err := server.Client().Do(put)
	p.must(err)
	p.must(answer.Body.Close())
	if answer.StatusCode != http.StatusCreated {
		p.t.Fatalf("the registry answers %s", answer.Status)
	}
	certificates := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "argocd-tls-certs-cm", Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}},
		Data: map[string]string{at.Hostname(): string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))}}
	p.must(p.Client.Create(p.t.Context(), certificates))
	return at.Host
}

// TestGuards proposes what every guard has something to say about, and lets it pass, one word after the other.
func TestGuards(t *testing.T) {
	p := perform(t, "--check-images").atDesks()
	host := p.serveImages()
	p.must(p.Apply(t.Context(), forbidding+"---\n"+gadgets))
	p.eventually("the cluster's own policy is in force", func() (string, bool) {
		probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-dev", Name: "probe"}, Data: map[string]string{"debug": "x"}}
		err := p.Client.Create(t.Context(), probe, client.DryRunAll)
		return fmt.Sprint(err), err != nil && strings.Contains(err.Error(), "debugging is not")
	})
	_, err := p.Forge.As("root").Commit(t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "guards", Files: map[string]string{
		".slipway.yaml": watchful, "platform/claim.yaml": claim}})
	p.must(err)

	_, err = p.Forge.As(stage.Alice).Commit(t.Context(), stage.Shop, store.FileCommit{Branch: "questionable", Message: "The orders move out", Delete: []string{"platform/claim.yaml"}})
	p.must(err)
	pull := p.open(stage.Alice, "questionable", map[string]string{"platform/questionable.yaml": strings.ReplaceAll(questionable, "REGISTRY", host)})
	var body string
	p.eventually("the report of what was asked", func() (string, bool) {
		reports := p.ours(pull.Number, "<!-- slipway:report ")
		if len(reports) == 0 {
			return "no report", false
		}
		body = reports[0].Body
		return body, strings.Contains(body, pull.HeadSHA[:10]) && strings.Contains(body, "| Dry run |") && !strings.Contains(body, "| … |")
	})
	t.Logf("the report:\n%s", body)
	remarks := map[string]string{
		"schema":       "`data.port`: must be a string, and is an integer",
		"dry-run":      "debugging is not for this cluster",
		"later":        "its namespace comes with this change",
		"removed-apis": "`policy/v1beta1` PodDisruptionBudget is gone since Kubernetes `1.25`",
		"project":      "none of `spec.destinations` permits it",
		"rules":        "say who owns it, by the label owner",
		"images":       "the registry has no image `" + host + "/shop/web:gone`",

		"destructive":     "is removed: its data may go with it",
		"kinds":           "the destination does not know the kind",
		"deprecated-apis": "calls the version `v1alpha1` deprecated",
	}
	for guard, says := range remarks {
		if !strings.Contains(body, says) {
			t.Errorf("%s: the report does not say %q", guard, says)
		}
	}
	p.reads(pull.Number, slices.Collect(maps.Values(remarks))...)
	for _, never := range []string{"hunter2", "/shop/web:there"} {
		if strings.Contains(strings.Split(body, "<details")[0], never) {
			t.Errorf("what comes before the differences says %q", never)
		}
	}
	_, check := p.reported(pull.Number, pull.HeadSHA)
	located := false
	for _, a := range check.Output.Annotations {
		located = located || a.Path == "platform/questionable.yaml" && a.StartLine == 5 && strings.Contains(a.Message, "data.port")
	}
	if check.Conclusion != "failure" || !located {
		t.Errorf("the check: %s, %+v", check.Conclusion, check.Output.Annotations)
	}

	p.checkSays(check, "platform/questionable.yaml:5", "data.port")

	p.approve(pull.Number)
	refusal := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync dev"), "schema blocks platform-dev")
	t.Logf("the refusal:\n%s", refusal.Body)
	if !strings.Contains(refusal.Body, "/override GUARD REASON is commented by one of: bob, for each of deprecated-apis, ") {
		t.Error("the refusal does not say who may let it pass")
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "| kinds blocks platform-staging, removed-apis blocks platform-staging |") // the others only warn there
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/override schema because I say so"), "the command is given by one of: bob")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/override shcema it is a trial"), "did you mean /override schema?")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/override schema --dry-run it is a trial"), "Nothing was recorded")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync dev"), "schema blocks platform-dev")
	p.explained(stage.Bob, pull.Number, "schema blocks platform-dev", "is commented by one of: bob")
	for _, guard := range append(policy.Policy{}.Overridable(), "owned") {
		if _, ok := remarks[guard]; !ok && guard != "owned" {
			t.Errorf("nothing here is for the guard %s", guard)
		}
		if !strings.Contains(refusal.Body, guard+" blocks platform-dev") {
			t.Errorf("%s does not block", guard)
		}
		p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/override "+guard+" it is a trial"), "Overridden")
	}
	p.eventually("the check passes", func() (string, bool) {
		checks := p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA)
		last := checks[len(checks)-1]
		return fmt.Sprintf("%s %s", last.Status, last.Conclusion), last.Status == "completed" && last.Conclusion == "success"
	})
	if body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body; !strings.Contains(body, "overridden by `bob`: `it is a trial`") {
		t.Errorf("the report does not say who has let it pass:\n%s", body)
	}
	gates := p.answer(pull.Number, p.say(stage.Mallory, pull.Number, "/sync dev"), "none of them blocks it")
	t.Logf("the gates after the overrides:\n%s", gates.Body)
}
