package bot_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// play is a stage with Slipway on it, as a process, and what tests ask of it.
type play struct {
	*stage.Stage
	t testing.TB
	// patient is how long to wait where that is longer than usual.
	patient time.Duration
	desks   *desks
}

// patience is how long something may take on a slow machine before a test gives up. Nothing is measured by it.
const patience = 2 * time.Minute

func perform(t *testing.T, flags ...string) *play {
	t.Helper()
	if testing.Short() {
		t.Skip("starts clusters")
	}
	t.Parallel() // each has its own clusters, and waits for them most of the time
	s, err := stage.Start(t.Context(), stage.Options{Binary: program(t), Flags: flags, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.Server.Tail(150))
		}
		s.Stop()
	})
	p := &play{Stage: s, t: t}
	p.eventually("the shop is deployed", func() (string, bool) {
		app := p.application("web-staging")
		return string(app.Status.Sync.Status), app.Status.Sync.Status != ""
	})
	return p
}

// program is the slipway program of this checkout.
func program(t *testing.T) string {
	t.Helper()
	if binary := os.Getenv("SLIPWAY_BINARY"); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), "slipway")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/slipway").CombinedOutput(); err != nil {
		t.Fatalf("building slipway: %v\n%s", err, out)
	}
	return binary
}

// by is the play seen by a subtest.
func (p *play) by(t *testing.T) *play {
	t.Helper()
	q := &play{Stage: p.Stage, t: t, patient: p.patient}
	if p.desks != nil {
		q.desks = &desks{Desk: p.desks.Desk, said: map[int][]string{}}
	}
	return q
}

// act plays a scene as a subtest. What was commanded in it at the desks is looked for on Slipway's own pages at its end.
func (p *play) act(t *testing.T, name string, do func(*play)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		q := p.by(t)
		do(q)
		if q.desks != nil {
			q.look()
		}
	})
}

// eventually waits until look is content. What it saw last is told when it never is.
func (p *play) eventually(what string, look func() (saw string, ok bool)) {
	p.t.Helper()
	var last string
	err := wait.PollUntilContextTimeout(p.t.Context(), 50*time.Millisecond, max(patience, p.patient), true, func(context.Context) (bool, error) {
		saw, ok := look()
		last = saw
		return ok, nil
	})
	if err != nil {
		p.t.Fatalf("%s: not seen in %s; last: %s", what, patience, last)
	}
}

func (p *play) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// application reads an Application; one that is not there is empty.
func (p *play) application(name string) *argo.Application {
	p.t.Helper()
	app := &argo.Application{}
	err := p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: stage.Namespace, Name: name}, app)
	if err != nil && !strings.Contains(err.Error(), "not found") {
		p.t.Fatal(err)
	}
	return app
}

// operations are the keys of the commands that were ever written into an application.
func (p *play) operations(name string) string {
	p.t.Helper()
	return p.application(name).Annotations["slipway.dev/commands"]
}

// push commits files to a branch of the shop.
func (p *play) push(who, branch string, files map[string]string) string {
	p.t.Helper()
	sha, err := p.Forge.As(who).Commit(p.t.Context(), stage.Shop, store.FileCommit{Branch: branch, Message: "Change " + branch, Files: files})
	p.must(err)
	return sha
}

// open opens a pull request of the shop.
func (p *play) open(who, branch string, files map[string]string) store.Pull {
	p.t.Helper()
	p.push(who, branch, files)
	pull, err := p.Forge.As(who).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "Change " + branch, Head: branch, Base: "main"})
	p.must(err)
	return pull
}

// ours are our comments on a pull request, newest last.
func (p *play) ours(number int, prefix string) []store.Comment {
	var found []store.Comment
	for _, c := range p.Forge.Store.Comments(p.Repo.ID, number) {
		if c.AppID != 0 && strings.HasPrefix(c.Body, prefix) {
			found = append(found, c)
		}
	}
	return found
}

// reported waits for the report of a head: its check has ended and its comment stands there.
func (p *play) reported(number int, head string) (comment store.Comment, check store.CheckRun) {
	p.t.Helper()
	p.eventually(fmt.Sprintf("the report of %d at %.7s", number, head), func() (string, bool) {
		comments, checks := p.ours(number, "<!-- slipway:report "), p.Forge.Store.CheckRuns(p.Repo.ID, head)
		if len(comments) == 0 || len(checks) == 0 || checks[0].Status != "completed" || checks[0].Output.Title == "Superseded by a newer push" {
			return fmt.Sprintf("%d comments, checks %+v", len(comments), checks), false
		}
		comment, check = comments[0], checks[0]
		return "", strings.Contains(comment.Body, head[:10]) && len(checks) == 1 && len(comments) == 1
	})
	p.eventually("the report to be written down", func() (string, bool) { // what is said before is said about none
		list := &slipway.PullRequestList{}
		p.must(p.Client.List(p.t.Context(), list, client.InNamespace(stage.Namespace)))
		for _, r := range list.Items {
			if r.Spec.Number == number && r.Spec.Forge == slipway.ForgeGitHub && r.Status.Report != nil && r.Status.Report.Head == head {
				return "", true
			}
		}
		return fmt.Sprintf("%d pull requests", len(list.Items)), false
	})
	return comment, check
}

// asleep has something done while Slipway is down.
func (p *play) asleep(do func()) {
	p.t.Helper()
	p.Server.Kill()
	do()
	p.must(p.Server.Start(p.t.Context()))
}

func itoa(n int64) string { return fmt.Sprint(n) }
