package github_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/forgetest"
	"github.com/slipway-cd/slipway/forge/github"

	sandboxforge "github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/world"
)

// trial is a sandbox forge with our App on it, and what only GitHub has.
type trial struct {
	forgetest.World
	in      *world.World
	options github.Options
}

func newTrial(t *testing.T) trial {
	t.Helper()
	return newTrialWith(t, nil)
}

// newTrialWith has an App that was granted other permissions than those it asks for.
func newTrialWith(t *testing.T, permissions map[string]string) trial {
	t.Helper()
	s := world.Start(t)
	app, installation, key := s.GitHubAppWith(t, permissions)
	o := github.Options{
		BaseURL: s.APIURL(), AppID: app, PrivateKey: key, WebhookSecret: []byte(world.Secret), AllowedOwners: []string{world.Owner},
		RootCAs: s.Roots(), WriteSpacing: time.Millisecond, Backoff: time.Millisecond,
	}
	w := s.GitHub(t, installation)
	f := start(t, o)
	w.Forge, w.Verifier = f, f
	return trial{w, s, o}
}

func start(t *testing.T, o github.Options) *github.Forge {
	t.Helper()
	f, err := github.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w trial) pull(t *testing.T) (number int, head string) {
	t.Helper()
	w.People.Grant(t, "alice", forge.Write)
	return w.People.Open(t, forgetest.Pull{Author: "alice", Title: "x", Branch: "x"})
}

// calls that the forge answered, by method and path.
func (w trial) calls(method, path string) int {
	match := regexp.MustCompile(path)
	return w.in.Requests.Count(func(r sandboxforge.Request) bool { return r.Method == method && match.MatchString(r.Path) })
}

func TestAnnotationsBeyondACallArriveOnce(t *testing.T) {
	w := newTrial(t)
	_, head := w.pull(t)
	c := forge.Check{ExternalID: "k", Name: "slipway", SHA: head, Status: forge.Completed, Conclusion: forge.Failure, Title: "t", Summary: "s"}
	for i := range 120 {
		c.Annotations = append(c.Annotations, forge.Annotation{Path: "x.txt", Line: i + 1, Level: "failure", Title: "t", Message: fmt.Sprintf("remark %d", i)})
	}
	for range 2 {
		if _, err := w.Forge.SetCheck(t.Context(), w.Repository, c); err != nil {
			t.Fatal(err)
		}
	}
	checks := w.Ledger.Checks(t, head)
	if len(checks) != 1 {
		t.Fatalf("%d checks", len(checks))
	}
	seen := map[string]int{}
	for _, a := range checks[0].Annotations {
		seen[a.Message]++
	}
	for _, a := range c.Annotations {
		if seen[a.Message] != 1 {
			t.Errorf("%q is there %d times", a.Message, seen[a.Message])
		}
	}
}

func TestALongCheckIsCut(t *testing.T) {
	w := newTrial(t)
	_, head := w.pull(t)
	long := "```\n" + strings.Repeat(strings.Repeat("ü", 50)+"\n", 2000)
	c := forge.Check{ExternalID: "k", Name: "slipway", SHA: head, Status: forge.InProgress, Title: strings.Repeat("t", 1000), Summary: long, Text: long}
	if _, err := w.Forge.SetCheck(t.Context(), w.Repository, c); err != nil {
		t.Fatal(err)
	}
	got := w.Ledger.Checks(t, head)[0]
	for name, text := range map[string]string{"summary": got.Summary, "text": got.Text} {
		if len(text) > 65_535 || len(text) < 65_000 || strings.Count(text, "```") != 2 {
			t.Errorf("the %s has %d bytes and %d fences", name, len(text), strings.Count(text, "```"))
		}
	}
}

func TestTokensAreNarrow(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	other, err := w.in.Server.Repo(t.Context(), store.NewRepo{Owner: world.Owner, Name: "other", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Forge.Credentials(t.Context(), w.Repository)
	if err != nil {
		t.Fatal(err)
	}
	tries := map[string]struct {
		method, path, body string
		status             int
	}{
		"another repository": {http.MethodGet, "repos/" + other.FullName(), "", http.StatusNotFound},
		"this repository":    {http.MethodGet, "repos/acme/shop", "", http.StatusOK},
		"a comment":          {http.MethodPost, fmt.Sprintf("repos/acme/shop/issues/%d/comments", number), `{"body":"x"}`, http.StatusForbidden},
	}
	for name, try := range tries {
		req, err := http.NewRequestWithContext(t.Context(), try.method, w.in.APIURL()+try.path, strings.NewReader(try.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Password)
		resp, err := w.in.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != try.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, try.status)
		}
	}
}

func TestTokensAreKeptAndRenewed(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	read := func() {
		t.Helper()
		if _, err := w.Forge.PullRequest(t.Context(), w.Repository, number); err != nil {
			t.Fatal(err)
		}
	}
	read()
	read()
	if n := w.calls(http.MethodPost, "/access_tokens$"); n != 1 {
		t.Errorf("%d tokens for two reads", n)
	}
	w.in.Store.ExpireTokens()
	read()
	if n := w.calls(http.MethodPost, "/access_tokens$"); n != 2 {
		t.Errorf("%d tokens after the first was refused", n)
	}
	w.in.Store.ExpireTokens()
	if _, err := w.Forge.CreateComment(t.Context(), w.Repository, number, "x"); err != nil {
		t.Errorf("a comment with a token that has ended: %v", err)
	}
}

func TestReadingAgainCostsNothing(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	for range 4 {
		if _, err := w.Forge.Reviews(t.Context(), w.Repository, number); err != nil {
			t.Fatal(err)
		}
	}
	unchanged := w.in.Requests.Count(func(r sandboxforge.Request) bool { return r.Status == http.StatusNotModified })
	if unchanged != 3 {
		t.Errorf("%d of 4 reads were answered 304", unchanged)
	}
}

func TestAnOwnerThatIsNotAllowed(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	o := w.options
	o.AllowedOwners = []string{"somebody-else"}
	f := start(t, o)
	if _, err := f.PullRequest(t.Context(), w.Repository, number); !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("reading: %v", err)
	}
	if _, err := f.Credentials(t.Context(), w.Repository); !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("credentials: %v", err)
	}
	if all, err := f.Installed(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("installed on %v, error %v", all, err)
	}
	for _, d := range w.Ledger.Deliveries(t) {
		if e, err := f.Verify(d.Header, d.Body); err != nil || e.Ignored == "" {
			t.Errorf("a delivery makes work: %+v, error %v", e, err)
		}
	}
}

func TestInstallationsOfOthersAreSaidOnce(t *testing.T) {
	w := newTrial(t)
	if _, err := w.in.Server.Org("stranger", "mallory"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.in.Install(w.options.AppID, "stranger"); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	w.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	f := start(t, w.options)
	for range 3 {
		all, err := f.Installed(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("installed on %v, error %v", all, err)
		}
	}
	if n := strings.Count(log.String(), "owner=stranger"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestAnUnknownInstallationIsFound(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	r := w.Repository
	r.Installation = 0
	for range 2 {
		if _, err := w.Forge.PullRequest(t.Context(), r, number); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.calls(http.MethodGet, "/installation$"); n != 1 {
		t.Errorf("it was looked for %d times", n)
	}
}

func TestSecondaryLimits(t *testing.T) {
	faults := map[string]sandboxforge.Fault{
		"403 with Retry-After":    {Status: http.StatusForbidden, Secondary: true, RetryAfter: 70 * time.Second},
		"403 without Retry-After": {Status: http.StatusForbidden, Secondary: true},
		"429 with Retry-After":    {Status: http.StatusTooManyRequests, Secondary: true, RetryAfter: 70 * time.Second},
		"429 without Retry-After": {Status: http.StatusTooManyRequests, Secondary: true},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := newTrial(t)
			number, _ := w.pull(t)
			fault.Path = regexp.MustCompile(`/comments$`)
			w.in.Faults.Add(fault)
			_, err := w.Forge.CreateComment(t.Context(), w.Repository, number, "x")
			var limited *forge.RateLimited
			if !errors.As(err, &limited) || limited.After < time.Minute || limited.After > 70*time.Second {
				t.Fatalf("got %v", err)
			}
			if _, err := w.Forge.PullRequest(t.Context(), w.Repository, number); !errors.As(err, &limited) {
				t.Errorf("the next call was not held back: %v", err)
			}
		})
	}
}

func TestNewRefusesToStartWithout(t *testing.T) {
	good := newTrial(t).options
	bad := map[string]func(*github.Options){
		"an App":          func(o *github.Options) { o.AppID = 0 },
		"a key":           func(o *github.Options) { o.PrivateKey = nil },
		"a usable key":    func(o *github.Options) { o.PrivateKey = []byte("-----BEGIN RSA PRIVATE KEY-----") },
		"a secret":        func(o *github.Options) { o.WebhookSecret = nil },
		"owners":          func(o *github.Options) { o.AllowedOwners = []string{" "} },
		"a real address":  func(o *github.Options) { o.BaseURL = "ftp://x/" },
		"a plain address": func(o *github.Options) { o.BaseURL = "https://user:hunter2@ghe.example.com/" },
	}
	for name, spoil := range bad {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			_, err := github.New(o)
			if err == nil {
				t.Fatal("started")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}
