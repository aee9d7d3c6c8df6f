package cluster_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// mutating has the API server ask a webhook about ConfigMaps of the test's namespace, which labels each as seen for the n-th time.
func mutating(w *world) {
	w.Helper()
	var times atomic.Int64
	hook := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID    string                    `json:"uid"`
				Object unstructured.Unstructured `json:"object"`
			} `json:"request"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			w.Error(err)
		}
		labels := map[string]string{"seen": fmt.Sprint("n", times.Add(1))}
		for k, v := range review.Request.Object.GetLabels() {
			if k != "seen" {
				labels[k] = v
			}
		}
		patch, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/metadata/labels", "value": labels}})
		if err != nil {
			w.Error(err)
		}
		if err := json.NewEncoder(rw).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": map[string]any{"uid": review.Request.UID, "allowed": true, "patchType": "JSONPatch", "patch": patch}}); err != nil {
			w.Error(err)
		}
	}))
	w.Cleanup(hook.Close)
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}))
	registration := w.apply("apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: NAMESPACE}\nwebhooks:\n"+
		"- {name: seen.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: '"+hook.URL+"/', caBundle: "+authority+"}, "+
		"namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}, rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]}\n",
		cluster.ApplyOptions{}).Object
	w.Cleanup(func() {
		if err := w.c.Delete(context.WithoutCancel(w.ctx), object.IDOf(registration), cluster.DeleteOptions{}); err != nil {
			w.Error(err)
		}
	})
}

func TestComparingBesideAMutatingWebhook(t *testing.T) {
	w := begin(t)
	mutating(w)
	desired := w.parse(config)
	id := object.IDOf(desired)
	var live *unstructured.Unstructured
	w.until("the webhook to be asked", func() bool {
		live = w.apply(config, cluster.ApplyOptions{}).Object
		return live.GetLabels()["seen"] != ""
	})
	if _, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil); err != nil { // which loads the schema
		t.Fatal(err)
	}
	changed := desired.DeepCopy()
	changed.Object["data"] = map[string]any{"a": "changed"}
	for name, c := range map[string]struct {
		desired *unstructured.Unstructured
		options compare.Options
		want    argo.SyncStatusCode
	}{
		"by default":                           {desired, compare.Options{}, compare.Synced},
		"by default, changed":                  {changed, compare.Options{}, compare.OutOfSync},
		"by the server":                        {desired, compare.Options{Strategy: compare.ServerSideDiff}, compare.Synced},
		"by the server, changed":               {changed, compare.Options{Strategy: compare.ServerSideDiff}, compare.OutOfSync},
		"by the server, with what webhooks do": {desired, compare.Options{Strategy: compare.ServerSideDiff, IncludeMutationWebhook: true}, compare.OutOfSync},
		"by a structured merge":                {desired, compare.Options{Strategy: compare.StructuredMerge}, compare.Synced},
		"the legacy way":                       {desired, compare.Options{Strategy: compare.Legacy}, compare.Synced},
		"the legacy way, changed":              {changed, compare.Options{Strategy: compare.Legacy}, compare.OutOfSync},
	} {
		c.options.Schema = w.c.Schema()
		s, err := compare.Drift(id, c.desired, live, c.options)
		if err != nil {
			t.Fatal(err)
		}
		if c.options.Asks(s) {
			answer, err := w.c.Predict(w.ctx, c.desired, live, "")
			if err != nil || answer == nil {
				t.Fatalf("%s: no answer (%v)", name, err)
			}
			s = compare.Answered(id, answer, live, c.options)
		}
		if s.Status != c.want {
			t.Errorf("%s: %s (%s), want %s\n%s", name, s.Status, s.Reason, c.want, s.Difference.Text)
		}
	}
}

func TestASyncRecallsWhatAComparisonHasHadTried(t *testing.T) {
	w := begin(t)
	mutating(w)
	var live *unstructured.Unstructured
	w.until("the webhook to be asked", func() bool {
		live = w.apply(config, cluster.ApplyOptions{}).Object
		return live.GetLabels()["seen"] != ""
	})
	id := object.IDOf(live)
	if _, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil); err != nil {
		t.Fatal(err)
	}
	changed := w.parse(config)
	changed.Object["data"] = map[string]any{"a": "changed"}
	tried, err := w.c.Predict(w.ctx, changed, live, "")
	if err != nil {
		t.Fatal(err)
	}
	seen := func(u *unstructured.Unstructured, o cluster.ApplyOptions) string {
		t.Helper()
		o.DryRun = true
		a, err := w.c.Apply(w.ctx, u, o)
		if err != nil || a.Message != "configmap/settings serverside-applied (server dry run)" {
			t.Fatalf("%q %v", a.Message, err)
		}
		return a.Object.GetLabels()["seen"]
	}
	before := tried.GetLabels()["seen"]
	if again := seen(changed, cluster.ApplyOptions{Recalled: true}); again != before {
		t.Errorf("asked again: %s, %s", before, again)
	}
	other := changed.DeepCopy()
	other.Object["data"] = map[string]any{"a": "changed again"}
	for name, got := range map[string]string{
		"not to recall":   seen(changed, cluster.ApplyOptions{}),
		"another object":  seen(other, cluster.ApplyOptions{Recalled: true}),
		"another check":   seen(changed, cluster.ApplyOptions{Recalled: true, SkipValidation: true}),
		"another manager": seen(changed, cluster.ApplyOptions{Recalled: true, Manager: "somebody"}),
		"another live one": func() string {
			w.apply(config, cluster.ApplyOptions{})
			return seen(changed, cluster.ApplyOptions{Recalled: true})
		}(),
	} {
		if got == before {
			t.Errorf("%s: not asked", name)
		}
	}
}
