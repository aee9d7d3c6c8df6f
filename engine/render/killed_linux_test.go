package render_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/render"
)

func TestAWorkerThatWasKilledWhileItWaitedCostsNothing(t *testing.T) {
	r := renderer(t, render.Options{Workers: 1})
	_, tree := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	req := request(tree, argo.ApplicationSource{Path: "app"})
	run(t, r, req)
	for i := range 3 {
		waiting := r.Workers()
		if len(waiting) == 0 {
			t.Fatal("no worker waits")
		}
		for _, pid := range waiting {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		req.Namespace = fmt.Sprintf("n%d", i) // not from the cache
		if got := run(t, r, req); len(got.Objects) != 1 || got.Cached {
			t.Errorf("%d objects", len(got.Objects))
		}
	}
}

func TestWorkersThatAreKilledUnderLoadCostNothing(t *testing.T) {
	r := renderer(t, render.Options{Workers: 2})
	_, tree := newRepo(t, chart("x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {n: {{ range until 20000 }}{{ if eq . 19999 }}{{ . | quote }}{{ end }}{{ end }}}\n"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	kills := 0
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(40 * time.Millisecond):
				if pids := children(); len(pids) > 0 {
					_ = syscall.Kill(pids[kills%len(pids)], syscall.SIGKILL)
					kills++
				}
			}
		}
	}()
	var wait sync.WaitGroup
	faults := make([]string, 30)
	for i := range faults {
		wait.Go(func() {
			req := request(tree, argo.ApplicationSource{Path: "chart"})
			req.Namespace = fmt.Sprintf("n%d", i)
			got, err := r.Render(t.Context(), req)
			switch {
			case err != nil:
				faults[i] = err.Error()
			case got.Fault != nil && !strings.Contains(got.Fault.Message, "more memory"):
				faults[i] = got.Fault.Error() // killed twice in a row, it may take it for the job's doing
			}
		})
	}
	wait.Wait()
	close(stop)
	<-stopped
	for i, f := range faults {
		if f != "" {
			t.Errorf("render %d: %s", i, f)
		}
	}
	if kills == 0 {
		t.Error("nothing was killed, so this test shows nothing")
	}
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	req.Namespace = "after"
	if got := run(t, r, req); len(got.Objects) != 1 {
		t.Errorf("afterwards: %d objects", len(got.Objects))
	}
}

// children are the render workers that this process has started.
func children() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		if line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline"); err == nil && strings.Contains(string(line), "render-worker") {
			pids = append(pids, pid)
		}
	}
	return pids
}
