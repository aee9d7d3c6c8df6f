package controller_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/soak"
)

// jobs notes every Job that ever comes to be in a namespace.
type jobs struct {
	mu   sync.Mutex
	uids map[string][]string // by name
}

func (w *world) watchJobs() *jobs {
	w.Helper()
	c, err := dynamic.NewForConfig(shared)
	must(w.T, err)
	watch, err := c.Resource(schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}).Namespace(w.target).Watch(w.ctx, metav1.ListOptions{})
	must(w.T, err)
	w.Cleanup(watch.Stop)
	j := &jobs{uids: map[string][]string{}}
	go func() {
		for e := range watch.ResultChan() {
			if u, ok := e.Object.(*unstructured.Unstructured); ok {
				j.mu.Lock()
				if uid := string(u.GetUID()); !slices.Contains(j.uids[u.GetName()], uid) {
					j.uids[u.GetName()] = append(j.uids[u.GetName()], uid)
				}
				j.mu.Unlock()
			}
		}
	}()
	return j
}

func (j *jobs) count(name string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.uids[name])
}

// A controller is killed at a random write, before or after it reaches the API server, again and again until the sync has ended. The
// end is the same, every hook has run once, and there was one operation.
func TestAKilledControllerGoesOn(t *testing.T) {
	rounds := max(2, soak.Times(t, 10))
	w := newWorld(t)
	job := func(name, phase, policy string) string {
		return fmt.Sprintf(`
apiVersion: batch/v1
kind: Job
metadata: {name: %s, annotations: {argocd.argoproj.io/hook: %s, argocd.argoproj.io/hook-delete-policy: "%s"}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: "example.test/m:1"}]}}}
`, name, phase, policy)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	j := w.watchJobs()
	for round := range rounds {
		files := map[string]string{
			"shop/settings.yaml": shop["shop/settings.yaml"], "shop/web.yaml": shop["shop/web.yaml"], "shop/late.yaml": shop["shop/late.yaml"],
			"shop/migrate.yaml": job("migrate", "PreSync", "HookSucceeded"), "shop/smoke.yaml": job("smoke", "PostSync", "BeforeHookCreation"),
			fmt.Sprintf("shop/round%d.yaml", round): fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: round%d}\n", round),
		}
		if round > 0 {
			files[fmt.Sprintf("shop/round%d.yaml", round-1)] = ""
		}
		sha := w.commit(files)
		if round == 0 {
			w.application("shop", "shop")
		}
		w.sync("shop", argo.SyncOperation{Prune: true})
		kills := 0
		for !ended(w.read("shop")) {
			p := w.start(options(), r.IntN(10), r.IntN(2) == 0)
			w.until("the end or a death", "shop", func(app *argo.Application) bool { return ended(app) || p.isDead() })
			p.kill()
			kills++
		}
		app := w.read("shop")
		state := app.Status.OperationState
		t.Logf("round %d took %d lives", round, kills)
		if state.Phase != argo.OperationSucceeded || state.SyncResult.Revision != sha || len(app.Status.History) != round+1 {
			t.Fatalf("round %d: %s", round, told(app))
		}
		for _, name := range []string{"migrate", "smoke"} {
			if n := j.count(name); n != round+1 {
				t.Fatalf("after %d syncs hook %s ran %d times\n%s", round+1, name, n, told(app))
			}
		}
		if w.live("v1", "ConfigMap", fmt.Sprintf("round%d", round)) == nil || w.live("v1", "ConfigMap", "late") == nil {
			t.Fatalf("round %d: something is missing\n%s", round, told(app))
		}
		if round > 0 && w.live("v1", "ConfigMap", fmt.Sprintf("round%d", round-1)) != nil {
			t.Errorf("round %d: what was removed is still there", round)
		}
	}
	p := w.start(options(), -1, false)
	w.until("it to be at rest", "shop", settled)
	p.kill()
}
