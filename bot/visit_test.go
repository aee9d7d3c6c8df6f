package bot

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// looking is a visit that has read an open pull request of team/shop, for the parts that decide without asking anybody.
func looking(change func(v *visit)) *visit {
	res := &slipway.PullRequest{
		ObjectMeta: metav1.ObjectMeta{Name: slipway.PullRequestName("forge.example", 7, 3), Namespace: "argocd", CreationTimestamp: metav1.NewTime(noon)},
		Spec: slipway.PullRequestSpec{Forge: slipway.ForgeGitHub, Host: "forge.example", Number: 3,
			Repository: slipway.RepositoryRef{ID: 7, Owner: "team", Name: "shop", CloneURL: "https://forge.example/team/shop.git"}},
	}
	v := &visit{
		Bot: &Bot{Deps: Deps{
			Now: func() time.Time { return noon }, NormalizeURL: func(u string) string { return strings.TrimSuffix(strings.ToLower(u), ".git") },
			Record: func(runtime.Object, string, string) {}, Options: Options{}.withDefaults(),
		}, memory: newMemory(), running: newRunning(), looking: make(chan struct{}, 1), goingOn: make(chan struct{}, 1)},
		log: slog.New(slog.DiscardHandler), res: res, saved: res.DeepCopy(), repo: repositoryOf(res.Spec), fresh: map[string]bool{},
	}
	v.repo.DefaultBranch = "main"
	v.pull = forge.PullRequest{Repository: v.repo, Number: 3, State: forge.Open, Author: forge.User{ID: 1, Login: "alice"},
		Base: forge.Ref{Name: "main"}, Head: forge.Ref{Name: "change", SHA: headA}, HeadRepository: 7, URL: "https://forge.example/team/shop/pull/3"}
	if change != nil {
		change(v)
	}
	return v
}

const (
	headA  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	headB  = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	merged = "cccccccccccccccccccccccccccccccccccccccc"
)

func application(name string, change func(*argo.Application)) *argo.Application {
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name, Labels: map[string]string{}}}
	app.Spec.Source = &argo.ApplicationSource{RepoURL: "https://forge.example/team/shop", Path: name, TargetRevision: "main"}
	app.Spec.Destination = argo.ApplicationDestination{Name: "eu", Server: ""}
	if change != nil {
		change(app)
	}
	return app
}

// recorded are the texts of the commands in a status.
func recorded(v *visit) []string {
	var all []string
	for _, c := range v.res.Status.Commands {
		all = append(all, c.Text)
	}
	return all
}

func TestWhoseCommentsAreHeard(t *testing.T) {
	person := forge.User{ID: 2, Login: "bob"}
	for name, c := range map[string]struct {
		comment forge.Comment
		heard   bool
	}{
		"a person's":                 {forge.Comment{Author: person}, true},
		"edited after the fact":      {forge.Comment{Author: person, Edited: true}, false},
		"our own":                    {forge.Comment{Author: person, Ours: true}, false},
		"another bot's":              {forge.Comment{Author: forge.User{ID: 5, Login: "echo[bot]", Bot: true}}, false},
		"of an account that is gone": {forge.Comment{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(nil)
			c.comment.ID, c.comment.Body, c.comment.CreatedAt = 11, "/sync staging", noon
			if got := v.hear(c.comment, noon); got != c.heard || (len(recorded(v)) == 1) != c.heard {
				t.Errorf("heard %v, recorded %q", got, recorded(v))
			}
		})
	}
}

func TestACommandIsHeardOnce(t *testing.T) {
	v := looking(nil)
	c := forge.Comment{ID: 11, Author: forge.User{ID: 2, Login: "bob"}, Body: "/sync staging\n/sync staging\n/diff", CreatedAt: noon}
	v.hear(c, noon)
	v.hear(c, noon)
	if got := strings.Join(recorded(v), ", "); got != "/sync staging, /diff" {
		t.Errorf("recorded %s", got)
	}
	keys := map[string]bool{}
	for _, c := range v.res.Status.Commands {
		keys[c.OperationID] = true
	}
	if len(keys) != 2 {
		t.Errorf("keys %v, want two", keys)
	}
}

func TestPendingCommandsAreBounded(t *testing.T) {
	v := looking(nil)
	for id := range int64(500) {
		v.hear(forge.Comment{ID: id + 1, Author: forge.User{ID: 2, Login: "bob"}, Body: "/diff", CreatedAt: noon}, noon)
	}
	if got := len(recorded(v)); got != mostPending {
		t.Errorf("%d commands wait, want %d", got, mostPending)
	}
}

func TestLatestMomentOfAComment(t *testing.T) {
	for name, c := range map[string]struct{ created, seen, want time.Time }{
		"whole seconds of the forge":  {noon, noon.Add(5 * time.Second), noon.Add(time.Second - time.Microsecond)},
		"seen within the second":      {noon, noon.Add(300 * time.Millisecond), noon.Add(300 * time.Millisecond)},
		"the forge's clock goes fast": {noon.Add(time.Hour), noon, noon},
	} {
		if got := latest(c.created, c.seen); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestACommandIsBoundToTheReportBeforeIt(t *testing.T) {
	v := looking(nil)
	v.res.Status.AddReport(slipway.Report{Head: headA, PostedAt: metav1.NewMicroTime(noon)})
	v.res.Status.AddReport(slipway.Report{Head: headB, PostedAt: metav1.NewMicroTime(noon.Add(time.Minute))})
	for name, c := range map[string]struct {
		created time.Time
		want    string
	}{
		"before any":         {noon.Add(-time.Second), ""},
		"between the two":    {noon.Add(30 * time.Second), headA},
		"after both":         {noon.Add(2 * time.Minute), headB},
		"in the same second": {noon.Add(time.Minute), headB},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if r := v.res.Status.ReportBefore(latest(c.created, noon.Add(time.Hour))); r != nil {
				got = r.Head
			}
			if got != c.want {
				t.Errorf("bound to %q, want %q", got, c.want)
			}
		})
	}
}

func TestARepeatedReportKeepsItsTime(t *testing.T) {
	v := looking(nil)
	apps := []slipway.ReportedApplication{{Namespace: "argocd", Name: "web", Digest: "1"}}
	v.remember(slipway.Report{Base: merged, Head: headA, Applications: apps})
	v.Now = func() time.Time { return noon.Add(time.Minute) }
	v.remember(slipway.Report{Base: headB, Head: headA, Applications: apps})
	if s := v.res.Status; len(s.Reports) != 0 || !s.Report.PostedAt.Time.Equal(noon) || s.Report.Base != headB {
		t.Errorf("a base that moved without effect made a new report: %+v", s.Report)
	}
	v.remember(slipway.Report{Base: headB, Head: headA, Applications: []slipway.ReportedApplication{{Namespace: "argocd", Name: "web", Digest: "2"}}})
	if s := v.res.Status; len(s.Reports) != 1 || !s.Report.PostedAt.Time.Equal(noon.Add(time.Minute)) {
		t.Errorf("other objects are another report: %+v", s.Report)
	}
	v.remember(slipway.Report{Head: headA})
	if s := v.res.Status; len(s.Reports) != 2 {
		t.Error("that a head is not trusted is another report")
	}
}

func TestStrangersAreAnsweredOnce(t *testing.T) {
	v := looking(func(v *visit) {
		v.res.Status.Commands = []slipway.Command{{ID: 1, Author: "mallory", ReplyID: "9", OperationID: "a"}, {ID: 2, Author: "mallory", OperationID: "b"}}
	})
	for name, c := range map[string]struct {
		order order
		want  bool
	}{
		"a stranger again":    {order{Command: &v.res.Status.Commands[1], user: forge.User{Login: "mallory"}, permission: forge.Read}, false},
		"a stranger at first": {order{Command: &slipway.Command{OperationID: "c"}, user: forge.User{Login: "eve"}, permission: forge.Read}, true},
		"a writer":            {order{Command: &slipway.Command{OperationID: "d"}, user: forge.User{Login: "mallory"}, permission: forge.Write}, true},
		"the author":          {order{Command: &slipway.Command{OperationID: "e"}, user: forge.User{Login: "Alice"}, permission: forge.Read}, true},
	} {
		if got := v.heeded(c.order); got != c.want {
			t.Errorf("%s: answered %v", name, got)
		}
	}
}

func TestOnlyOurOwnCommentIsFoundByItsMarker(t *testing.T) {
	m := reportMarker(looking(nil).res)
	comments := []forge.Comment{
		{ID: 1, Body: m + "\nforged"},
		{ID: 2, Ours: true, Body: "> " + m},
		{ID: 3, Ours: true, Body: m + "\nours"},
		{ID: 4, Ours: true, Body: m + "\na second"},
	}
	if got := findMarked(comments, m); got != 3 {
		t.Errorf("found %d, want 3", got)
	}
	if got := findMarked(comments[:2], m); got != 0 {
		t.Errorf("found %d, want none", got)
	}
}

func TestWhatMakesAReportStale(t *testing.T) {
	current := func(v *visit) {
		v.res.Status.Trusted, v.res.Status.CheckState = true, slipway.CheckSuccess
		v.res.Status.Report = &slipway.Report{Base: merged, Head: headA}
		v.asked.Reason = "issue_comment.created"
	}
	for name, c := range map[string]struct {
		change func(*visit)
		want   bool
	}{
		"a comment":                     {func(*visit) {}, false},
		"a review":                      {func(v *visit) { v.asked.Reason = "pull_request_review.submitted" }, false},
		"a push to the base":            {func(v *visit) { v.asked.Reason = "push" }, true},
		"a push, then a comment":        {func(v *visit) { v.asked.Reason = "push,issue_comment.created" }, true},
		"a comment, then a review":      {func(v *visit) { v.asked.Reason = "issue_comment.created,pull_request_review.submitted" }, false},
		"a new head":                    {func(v *visit) { v.pull.Head.SHA = headB }, true},
		"a check that never ended":      {func(v *visit) { v.res.Status.CheckState = slipway.CheckPending }, true},
		"no report":                     {func(v *visit) { v.res.Status.Report = nil }, true},
		"trust lost":                    {func(v *visit) { v.res.Status.Trusted = false }, true},
		"trust won":                     {func(v *visit) { v.res.Status.Report.Base = "" }, true},
		"untrusted, and told so before": {func(v *visit) { v.res.Status.Trusted, v.res.Status.Report.Base, v.asked.Reason = false, "", "push" }, false},
		"asked for":                     {func(v *visit) { v.force = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(current)
			c.change(v)
			if got := v.stale(); got != c.want {
				t.Errorf("stale %v, want %v", got, c.want)
			}
		})
	}
}

func TestQuoteLetsNothingOut(t *testing.T) {
	for _, hostile := range []string{"@everyone", "</details>", "`; rm`", "``` x", "a\nb", "#1", "\u202egnp", "|", "[x](http://y)", "<!-- -->", "```"} {
		got := quote(hostile)
		ticks := len(got) - len(strings.TrimLeft(got, "`"))
		inner := strings.Trim(got, "`")
		if ticks == 0 || strings.Contains(inner, strings.Repeat("`", ticks)) || strings.ContainsAny(got, "\n\u202e") {
			t.Errorf("%q becomes %q", hostile, got)
		}
	}
	if got := escape("plain words"); got != "plain words" {
		t.Errorf("plain words become %q", got)
	}
}

func TestEditsAreSpaced(t *testing.T) {
	const spacing = 5 * time.Second
	m := newMemory()
	for i, c := range []struct {
		comment string
		news    string
		after   time.Duration
		want    time.Duration
	}{
		{"a", "", 0, 0}, {"a", "", 300 * time.Millisecond, 4700 * time.Millisecond}, {"b", "", 300 * time.Millisecond, 0},
		{"a", "staging Healthy", time.Second, 0}, {"a", "staging Healthy", 2 * time.Second, 4 * time.Second}, {"a", "", 3 * time.Second, 3 * time.Second},
		{"a", "prod Degraded", 4 * time.Second, 0}, {"a", "staging Healthy", 8 * time.Second, time.Second}, {"a", "staging Healthy", 9 * time.Second, 0},
		{"a", "", 10 * time.Second, 4 * time.Second}, {"b", "", 10 * time.Second, 0},
	} {
		e := edit{comment: c.comment}
		if c.news != "" {
			e.news = []string{c.news}
		}
		if wait := m.mayEdit(e, noon.Add(c.after), spacing); wait != c.want {
			t.Errorf("edit %d waits %s, want %s", i, wait, c.want)
		}
	}
}

// TestEditsAreCounted has something go back and forth for ten minutes, looked at twice a second.
func TestEditsAreCounted(t *testing.T) {
	m, edits := newMemory(), 0
	spacing := Options{}.withDefaults().EditSpacing
	for i := range 1200 {
		now, news := noon.Add(time.Duration(i)*500*time.Millisecond), []string(nil)
		if i%3 == 0 {
			news = []string{"staging Degraded"}
		}
		if i > 600 && i%2 == 0 {
			news = append(news, "prod Healthy")
		}
		if m.mayEdit(edit{"report", news}, now, spacing) == 0 {
			edits++
		}
	}
	if most := 600/5 + 2; edits > most || edits < 100 { // two are news
		t.Errorf("%d edits in ten minutes, want at most %d", edits, most)
	}
}

func TestMemoryForgets(t *testing.T) {
	m := newMemory()
	for i := range 10 * remembered {
		m.mayEdit(edit{strings.Repeat("x", i%700), []string{"n"}}, noon.Add(time.Duration(i)*time.Hour), time.Second)
	}
	if len(m.edited) > remembered || len(m.told) > remembered {
		t.Errorf("%d comments are remembered, and news of %d", len(m.edited), len(m.told))
	}
}

func TestNewsOfAMerge(t *testing.T) {
	v := looking(func(v *visit) {
		v.res.Status.Report = shown(nil).Report
		v.pull.MergeCommit = merged
	})
	for name, c := range map[string]struct {
		web, api string
		want     string
	}{
		"both go on":        {phaseSyncing, phaseProgressing, "merged"},
		"one, then another": {phaseProgressing, phaseHealthy, "merged"},
		"one has arrived":   {phaseHealthy, phaseProgressing, "merged"},
		"both have":         {phaseHealthy, phaseHealthy, "staging Healthy, merged"},
		"one never will":    {phaseHealthy, phaseFailed, "staging Failed, Healthy, merged"},
		"neither will":      {phaseTimedOut, phaseDegraded, "staging Degraded, Timed out, merged"},
		"one by command":    {phaseManual, phaseHealthy, "staging Healthy, merged"},
	} {
		v.res.Status.Applications = []slipway.FollowedApplication{{Namespace: "argocd", Name: "web-staging", Phase: c.web}, {Namespace: "argocd", Name: "api-staging", Phase: c.api},
			{Namespace: "argocd", Name: "web-prod", Phase: phaseManual}}
		if got := strings.TrimSuffix(strings.Join(v.mergeNews(), ", "), " "+merged); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAReportWaitsForTheLastEditAlone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*visit)
		waits  bool
	}{
		"the base moved":      {func(*visit) {}, true},
		"somebody asked":      {func(v *visit) { v.force = true }, false},
		"a new head":          {func(v *visit) { v.pull.Head.SHA = headB }, false},
		"the check, again":    {func(v *visit) { v.asked.Reason = "push,check_run.rerequested" }, false},
		"still to be asked":   {func(v *visit) { v.res.Status.Report.Unverified = true }, false},
		"it was without one":  {func(v *visit) { v.res.Status.Report.Base = "" }, false},
		"the edit was before": {func(v *visit) { v.Now = func() time.Time { return noon.Add(5 * time.Second) } }, false},
	} {
		v := looking(func(v *visit) {
			v.res.Status.Report, v.res.Status.CheckState, v.asked.Reason = shown(nil).Report, slipway.CheckSuccess, "push"
			v.memory.noteEdit(v.reportEdit(), noon)
		})
		c.change(v)
		if wait := v.tooSoon(); wait > 0 != c.waits || wait > 5*time.Second {
			t.Errorf("%s: waits %s", name, wait)
		}
	}
}
