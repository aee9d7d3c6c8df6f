package bot_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge/github"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/scale"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

const (
	monorepo     = stage.Owner + "/mono"
	applications = 1000
	// aMinute is how many pull requests are opened in a minute.
	aMinute = 200
)

// waited is when a pull request was opened, and how long it took until its check was there, until it had ended, and until the report stood there.
type waited struct {
	opened                 time.Time
	pending, ended, report time.Duration
	number                 int
	head                   string
}

// numbers are what differs between the calls of two pull requests.
var numbers = regexp.MustCompile(`[0-9a-f]{40}|[0-9]+`)

// BenchmarkBurst opens 200 pull requests within a minute on one repository of 1,000 applications, with GitHub's limits enforced, and tells how
// long people wait, what it takes, and how often the forge is called. GitHub lets an App make 80 checks and comments a minute: two for each
// pull request take five minutes. SLIPWAY_BURST opens fewer, at the same pace: up to 40 stay below that limit.
func BenchmarkBurst(b *testing.B) {
	if os.Getenv("SLIPWAY_BINARY") == "" {
		b.Skip("SLIPWAY_BINARY names the program to be measured")
	}
	many := aMinute
	if given := os.Getenv("SLIPWAY_BURST"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n >= applications {
			b.Fatalf("SLIPWAY_BURST=%s is no number of pull requests", given)
		}
		many = n
	}
	for b.Loop() {
		burst(b, many)
	}
}

func burst(b *testing.B, many int) {
	s, err := stage.Start(b.Context(), stage.Options{Binary: os.Getenv("SLIPWAY_BINARY"), Flags: []string{"--engine=argocd"}, Limits: github.GitHubs})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop()
	p := &play{Stage: s, t: b}
	repo := p.monorepo(b)
	p.warm(b, repo)
	p.Forge.Requests.Clear()
	began := time.Now()
	all := make([]*waited, many)
	group, ctx := errgroup.WithContext(b.Context())
	for i := range many {
		group.Go(func() error { return p.wait(ctx, repo, i, &all[i]) })
	}
	if err := group.Wait(); err != nil {
		b.Fatalf("%v\n%s", err, p.Server.Tail(40))
	}
	took := time.Since(began)
	tell := func(name string, of func(*waited) time.Duration) {
		var list []time.Duration
		for _, w := range all {
			list = append(list, of(w))
		}
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2].Seconds(), name+"-median-s")
		b.ReportMetric(list[len(list)*99/100].Seconds(), name+"-p99-s")
	}
	tell("pending", func(w *waited) time.Duration { return w.pending })
	tell("concluded", func(w *waited) time.Duration { return w.ended })
	tell("report", func(w *waited) time.Duration { return w.report })
	calls, kinds := map[string]int{}, map[string]int{}
	for _, r := range p.Forge.Requests.List() {
		if strings.HasPrefix(r.Actor, "installation:") || strings.HasPrefix(r.Actor, "app:") {
			calls["all"]++
			kinds[r.Method+" "+numbers.ReplaceAllString(strings.SplitN(r.Path, "?", 2)[0], "N")]++
			if r.Status == 304 {
				calls["free"]++
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		b.Logf("%5.2f a pull request: %s", float64(kinds[kind])/float64(many), kind)
	}
	p.tellCalls(b, all[many/2])
	b.ReportMetric(float64(calls["all"])/float64(many), "calls/pull-request")
	b.ReportMetric(float64(calls["free"])/float64(many), "of-them-not-modified")
	b.ReportMetric(float64(p.Forge.Refused()), "over-a-limit")
	b.ReportMetric(took.Seconds(), "whole-s")
	b.ReportMetric(float64(p.Server.PeakMemory()>>20), "MB")
}

// tellCalls logs the calls about one pull request in their order, and what the server had to say of it.
func (p *play) tellCalls(b *testing.B, w *waited) {
	b.Helper()
	for _, r := range p.Forge.Requests.List() {
		after := r.At.Sub(w.opened)
		own := strings.Contains(r.Path, fmt.Sprintf("/%d/", w.number)) || strings.HasSuffix(r.Path, fmt.Sprintf("/%d", w.number)) || strings.Contains(r.Path, w.head)
		if own && strings.HasPrefix(r.Actor, "installation:") && after > 0 {
			b.Logf("%8.2f s %d %s %s", after.Seconds(), r.Status, r.Method, r.Path)
		}
	}
	res := &slipway.PullRequestList{}
	p.must(p.Client.List(b.Context(), res, client.InNamespace(stage.Namespace)))
	for _, one := range res.Items {
		if one.Spec.Number == w.number && one.Spec.Repository.FullName() == monorepo {
			b.Logf("asked for last by %q, %.2f s after it was opened", one.Spec.Asked.Reason, one.Spec.Asked.At.Sub(w.opened).Seconds())
		}
	}
	number := regexp.MustCompile(fmt.Sprintf(`"number":%d\b|number=%d\b`, w.number, w.number))
	for line := range strings.Lines(p.Server.Tail(100_000)) {
		if number.MatchString(line) {
			b.Log(strings.TrimSpace(line))
		}
	}
}

// monorepo makes the repository and its applications.
func (p *play) monorepo(b *testing.B) store.Repo {
	b.Helper()
	ctx := b.Context()
	repo, err := p.Forge.Repo(ctx, store.NewRepo{Owner: stage.Owner, Name: "mono"})
	p.must(err)
	p.must(p.Forge.Grant(monorepo, stage.Alice, store.Write))
	r, err := scale.New(ctx, b.TempDir(), applications)
	p.must(err)
	p.must(r.Push(ctx, p.Forge.Store.Dir(repo), "main"))
	everything := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "default"}}
	everything.Spec.SourceRepos = []string{"*"}
	everything.Spec.Destinations = []argo.ApplicationDestination{{Server: "*", Name: "*", Namespace: "*"}}
	p.must(client.IgnoreAlreadyExists(p.Client.Create(ctx, everything)))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, app := range r.Applications {
		group.Go(func() error {
			own := app.DeepCopy()
			own.TypeMeta = metav1.TypeMeta{}
			own.Namespace, own.Spec.Project = stage.Namespace, "default"
			own.Spec.Source.RepoURL = p.Forge.CloneURL(monorepo, "")
			own.Spec.Destination.Server, own.Spec.Destination.Name = "", "in-cluster"
			return p.Client.Create(ctx, own)
		})
	}
	p.must(group.Wait())
	return repo
}

// warm has one pull request reported, as there were others before the burst.
func (p *play) warm(b *testing.B, repo store.Repo) {
	b.Helper()
	var w *waited
	p.must(p.wait(b.Context(), repo, applications-1, &w))
}

// wait opens a pull request at its time within the minute, and waits for its check and its report.
func (p *play) wait(ctx context.Context, repo store.Repo, i int, into **waited) error {
	if i < applications-1 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(i) * time.Minute / aMinute):
		}
	}
	alice, branch := p.Forge.As(stage.Alice), fmt.Sprintf("burst-%d", i)
	entry, ok := p.Forge.Store.EntryAt(ctx, repo, "main", scale.Own(i))
	if !ok {
		return fmt.Errorf("there is no %s", scale.Own(i))
	}
	text, err := p.Forge.Store.Blob(ctx, repo, entry.SHA)
	if err != nil {
		return err
	}
	files := map[string]string{scale.Own(i): strings.NewReplacer("count: ", "count: 1", "replicas: ", "replicas: 1").Replace(string(text)) + "# more\n"}
	if _, err := alice.Commit(ctx, monorepo, store.FileCommit{Branch: branch, Message: branch, Files: files}); err != nil {
		return err
	}
	pull, err := alice.Open(ctx, monorepo, store.NewPull{Title: branch, Head: branch, Base: "main"})
	if err != nil {
		return err
	}
	w := &waited{opened: time.Now(), number: pull.Number, head: pull.HeadSHA}
	*into = w
	for w.pending == 0 || w.report == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		checks := p.Forge.Store.CheckRuns(repo.ID, w.head)
		if w.pending == 0 && len(checks) > 0 {
			w.pending = time.Since(w.opened)
		}
		if w.ended == 0 && len(checks) > 0 && checks[0].Status == "completed" {
			w.ended = time.Since(w.opened)
		}
		if w.ended > 0 && len(p.Forge.Store.Comments(repo.ID, w.number)) > 0 {
			w.report = time.Since(w.opened)
		}
		if time.Since(w.opened) > 15*time.Minute {
			return fmt.Errorf("pull request %d is not reported after 15 minutes: checks %+v", w.number, checks)
		}
	}
	return nil
}
