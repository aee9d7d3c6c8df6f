package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestDiagnoseFindsTheImageThatCannotBePulled(t *testing.T) {
	w := begin(t)
	w.apply(strings.Replace(web, "web:1", "web:broken", 1), cluster.ApplyOptions{})
	id := object.IDOf(w.parse(web))
	var found []cluster.Finding
	w.until("the pod to fail", func() bool {
		var err error
		if found, err = w.c.Diagnose(w.ctx, id); err != nil {
			t.Fatal(err)
		}
		return len(found) > 0 && (found[0].Reason == "ImagePullBackOff" || found[0].Reason == "ErrImagePull")
	})
	if f := found[0]; f.Object.Kind != "Pod" || !f.Stuck() || f.Message == "" || len(f.Message) > 600 {
		t.Errorf("%+v", f)
	}
	live, err := w.c.Get(w.ctx, id)
	if err != nil || health.Of(live).Status != health.Progressing {
		t.Errorf("%v %+v", err, health.Of(live))
	}
	if found, err := w.c.Diagnose(w.ctx, object.ID{Group: "apps", Kind: "Deployment", Namespace: w.namespace, Name: "none"}); err != nil || len(found) != 0 {
		t.Errorf("a missing object: %v %v", found, err)
	}
}

func TestDiagnoseFindsTheJobThatFails(t *testing.T) {
	w := begin(t)
	w.apply("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: NAMESPACE}\nspec: {backoffLimit: 0, template: {metadata: {annotations: {sandbox.slipway.dev/exit-code: '3'}}, spec: {restartPolicy: Never, containers: [{name: c, image: 'c:1'}]}}}\n", cluster.ApplyOptions{})
	w.until("the job to fail", func() bool {
		found, err := w.c.Diagnose(w.ctx, object.ID{Group: "batch", Kind: "Job", Namespace: w.namespace, Name: "j"})
		if err != nil {
			t.Fatal(err)
		}
		all := fmt.Sprint(found)
		return strings.Contains(all, "exit code 3") && strings.Contains(all, "BackoffLimitExceeded")
	})
}
