package gitlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/forge"
)

// answers is a server that answers as GitLab's documentation shows it, by "METHOD path?query" or "METHOD path"; several answers to one call
// follow each other. It keeps what was asked.
type answers struct {
	t *testing.T

	mu    sync.Mutex
	say   map[string][]string // "STATUS body", or "STATUS Header:value|body"
	asked []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Header.Get("Private-Token") != "glpat-secret" {
		a.t.Errorf("%s %s came without the token", r.Method, r.URL)
	}
	a.asked = append(a.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	for _, key := range []string{r.Method + " " + r.URL.RequestURI(), r.Method + " " + r.URL.Path} {
		if list := a.say[key]; len(list) > 0 {
			if len(list) > 1 {
				a.say[key] = list[1:]
			}
			answer(w, list[0])
			return
		}
	}
	a.t.Errorf("no answer to %s %s", r.Method, r.URL.RequestURI())
	w.WriteHeader(http.StatusNotImplemented)
}

func answer(w http.ResponseWriter, say string) {
	status, body, _ := strings.Cut(say, " ")
	w.Header().Set("Content-Type", "application/json")
	for {
		header, rest, more := strings.Cut(body, "|")
		name, value, ok := strings.Cut(header, ":")
		if !more || !ok || strings.ContainsAny(name, `{["`) {
			break
		}
		w.Header().Set(name, value)
		body = rest
	}
	var code int
	_, _ = fmt.Sscan(status, &code)
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

// writes are the calls that were no reading.
func (a *answers) writes() (all []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, call := range a.asked {
		if !strings.HasPrefix(call, "GET ") {
			all = append(all, call)
		}
	}
	return all
}

func gitLab(t *testing.T, say map[string][]string) (*Forge, *answers, forge.Repository) {
	t.Helper()
	if say["GET /api/v4/user"] == nil {
		say["GET /api/v4/user"] = []string{`200 {"id":99,"username":"slipway-bot"}`}
	}
	a := &answers{t: t, say: say}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	f, err := New(Options{BaseURL: s.URL, Token: "glpat-secret", WebhookToken: token, AllowedOwners: []string{"acme"},
		WriteSpacing: time.Microsecond, Backoff: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	r, ok := f.named(7, "acme/web/shop")
	if !ok {
		t.Fatal("the project is not allowed")
	}
	r.DefaultBranch = "main"
	return f, a, r
}

const mergeRequest = `{"id":1,"iid":3,"project_id":7,"title":"Scale up","state":"%s","draft":true,"labels":["preview"],"web_url":"https://x/3",
 "author":{"id":5,"username":"alice"},"source_branch":"scale","target_branch":"main","source_project_id":%s,"target_project_id":7,
 "sha":"1111111111111111111111111111111111111111","merge_commit_sha":%s,"squash_commit_sha":null,"merged_by":{"id":6,"username":"bob"},
 "detailed_merge_status":"%s","has_conflicts":false,"updated_at":"2026-01-02T03:04:05.678Z",
 "diff_refs":{"base_sha":"b","head_sha":"h","start_sha":"2222222222222222222222222222222222222222"}}`

const oneProject = `200 {"id":7,"path_with_namespace":"acme/web/shop","default_branch":"main"}`

func TestPullRequestAsGitLabSaysIt(t *testing.T) {
	yes, no := true, false
	open := func(change func(*forge.PullRequest)) forge.PullRequest {
		p := forge.PullRequest{Number: 3, URL: "https://x/3", Title: "Scale up", Author: forge.User{ID: 5, Login: "alice"}, State: forge.Open, Draft: true,
			Labels: []string{"preview"}, Base: forge.Ref{Name: "main", SHA: "2222222222222222222222222222222222222222"},
			Head: forge.Ref{Name: "scale", SHA: "1111111111111111111111111111111111111111"}, HeadRepository: 7, Mergeable: &yes,
			UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)}
		change(&p)
		return p
	}
	tests := map[string]struct {
		answer string
		want   forge.PullRequest
	}{
		"open":           {fmt.Sprintf(mergeRequest, "opened", "7", "null", "mergeable"), open(func(*forge.PullRequest) {})},
		"being computed": {fmt.Sprintf(mergeRequest, "opened", "7", "null", "checking"), open(func(p *forge.PullRequest) { p.Mergeable = nil })},
		"conflict":       {fmt.Sprintf(mergeRequest, "opened", "7", "null", "conflict"), open(func(p *forge.PullRequest) { p.Mergeable = &no })},
		"deleted fork":   {fmt.Sprintf(mergeRequest, "opened", "null", "null", "mergeable"), open(func(p *forge.PullRequest) { p.HeadRepository = 0 })},
		"closed":         {fmt.Sprintf(mergeRequest, "closed", "7", "null", "not_open"), open(func(p *forge.PullRequest) { p.State = forge.Closed })},
		"merged": {fmt.Sprintf(mergeRequest, "merged", "7", `"4444444444444444444444444444444444444444"`, "not_open"), open(func(p *forge.PullRequest) {
			p.State, p.MergeCommit, p.MergedBy = forge.Merged, "4444444444444444444444444444444444444444", forge.User{ID: 6, Login: "bob"}
		})},
		"fast-forwarded": {fmt.Sprintf(mergeRequest, "merged", "7", "null", "not_open"), open(func(p *forge.PullRequest) {
			p.State, p.MergeCommit, p.MergedBy = forge.Merged, "1111111111111111111111111111111111111111", forge.User{ID: 6, Login: "bob"}
		})},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, _, r := gitLab(t, map[string][]string{
				"GET /api/v4/projects/7/merge_requests/3": {"200 " + tt.answer},
				"GET /api/v4/projects/7":                  {oneProject},
			})
			got, err := f.PullRequest(t.Context(), r, 3)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Repository, tt.want.Repository.Private = r, true
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pull request (-want +got):\n%s", diff)
			}
		})
	}
}

func note(id int, author int, created, updated string, system bool) string {
	return fmt.Sprintf(`{"id":%d,"body":"note %d","author":{"id":%d,"username":"u%d"},"system":%v,"created_at":"2026-01-02T%sZ","updated_at":"2026-01-02T%sZ"}`,
		id, id, author, author, system, created, updated)
}

func TestNotesAsGitLabListsThem(t *testing.T) {
	const path = "GET /api/v4/projects/7/merge_requests/3/notes"
	pages := func() map[string][]string {
		query := "?order_by=updated_at&page=%d&per_page=100&sort=desc"
		return map[string][]string{
			path + fmt.Sprintf(query, 1): {"200 X-Next-Page:2|[" + note(1, 5, "10:00:00.000", "13:00:00.000", false) + "," + note(4, 99, "12:00:00.000", "12:00:00.000", false) + "]"},
			path + fmt.Sprintf(query, 2): {"200 X-Next-Page:|[" + note(4, 99, "12:00:00.000", "12:00:00.000", false) + "," + note(3, 5, "11:00:00.000", "11:00:00.000", true) + "," + note(2, 5, "10:30:00.000", "10:30:00.000", false) + "]"},
		}
	}
	f, _, r := gitLab(t, pages())
	all, err := f.Comments(t.Context(), r, 3, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range all {
		got = append(got, fmt.Sprintf("%d edited=%v ours=%v", c.ID, c.Edited, c.Ours))
	}
	if diff := cmp.Diff([]string{"1 edited=true ours=false", "2 edited=false ours=false", "4 edited=false ours=true"}, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	f, a, r := gitLab(t, pages())
	recent, err := f.Comments(t.Context(), r, 3, time.Date(2026, 1, 2, 12, 30, 0, 0, time.UTC))
	if err != nil || len(recent) != 1 || recent[0].ID != 1 {
		t.Errorf("since half past twelve: %+v, error %v", recent, err)
	}
	for _, call := range a.asked {
		if strings.Contains(call, "page=2") {
			t.Error("older pages were read in vain")
		}
	}
}

func TestStatusesAsGitLabTakesThem(t *testing.T) {
	const (
		list = "GET /api/v4/projects/7/repository/commits/abc/statuses"
		set  = "POST /api/v4/projects/7/statuses/abc"
	)
	queued := forge.Check{Name: "slipway", SHA: "abc", Status: forge.Queued, Title: "Waiting", DetailsURL: "https://s/x"}
	done := queued
	done.Status, done.Conclusion = forge.Completed, forge.Neutral
	tests := map[string]struct {
		say   map[string][]string
		check forge.Check
		id    int64
		sent  string // the last write
		err   error
	}{
		"first": {map[string][]string{list: {"200 []"}, set: {`201 {"id":11,"status":"pending"}`}}, queued, 11,
			set + ` {"state":"pending","name":"slipway","target_url":"https://s/x","description":"Waiting"}`, nil},
		"the same again": {map[string][]string{list: {`200 [{"id":11,"name":"slipway","status":"pending","description":"Waiting","target_url":"https://s/x"}]`}}, queued, 11, "", nil},
		"neutral does not block": {map[string][]string{list: {`200 [{"id":11,"name":"slipway","status":"pending"}]`}, set: {`201 {"id":11}`}}, done, 11,
			set + ` {"state":"success","name":"slipway","target_url":"https://s/x","description":"Waiting"}`, nil},
		"another state was there first": {map[string][]string{list: {"200 []", `200 [{"id":12,"name":"slipway","status":"pending"}]`},
			set: {`400 {"message":"Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"}`}}, queued, 12, set, nil},
		"answered on the second try": {map[string][]string{list: {"200 []"}, set: {"502 ", `201 {"id":11}`}}, queued, 11, set, nil},
		"refused":                    {map[string][]string{list: {"200 []"}, set: {`403 {"message":"403 Forbidden"}`}}, queued, 0, set, forge.ErrForbidden},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, a, r := gitLab(t, tt.say)
			id, err := f.SetCheck(t.Context(), r, tt.check)
			if id != tt.id || !errors.Is(err, tt.err) {
				t.Errorf("id %d, error %v", id, err)
			}
			last := ""
			if w := a.writes(); len(w) > 0 {
				last = w[len(w)-1]
			}
			if tt.sent == "" && last != "" || !sameCall(tt.sent, last) {
				t.Errorf("sent %s, want %s", last, tt.sent)
			}
		})
	}
}

// sameCall compares what was sent as JSON; without a body wanted, any is right.
func sameCall(want, got string) bool {
	call, body, has := strings.Cut(want, " {")
	if !strings.HasPrefix(got, call) || !has {
		return strings.HasPrefix(got, call)
	}
	var a, b any
	return json.Unmarshal([]byte("{"+body), &a) == nil && json.Unmarshal([]byte(got[strings.Index(got, " {"):]), &b) == nil && cmp.Equal(a, b)
}

func TestAReactionIsGivenOnce(t *testing.T) {
	const path = " /api/v4/projects/7/merge_requests/3/notes/8/award_emoji"
	f, a, r := gitLab(t, map[string][]string{
		"GET" + path:  {`200 [{"id":1,"name":"thumbsup","user":{"id":5}}]`, `200 [{"id":1,"name":"thumbsup","user":{"id":5}},{"id":2,"name":"thumbsup","user":{"id":99}}]`},
		"POST" + path: {`201 {"id":2,"name":"thumbsup"}`},
	})
	for range 2 {
		if err := f.React(t.Context(), r, 3, 8, forge.ThumbsUp); err != nil {
			t.Fatal(err)
		}
	}
	if w := a.writes(); len(w) != 1 {
		t.Errorf("writes were %v", w)
	}
}

func TestPermissionAsGitLabHasIt(t *testing.T) {
	const path = "GET /api/v4/projects/7/members/all/5"
	tests := map[string]struct {
		answer string
		want   forge.Permission
	}{
		"guest": {`200 {"id":5,"access_level":10,"state":"active"}`, forge.Read}, "planner": {`200 {"id":5,"access_level":15}`, forge.Read},
		"reporter": {`200 {"id":5,"access_level":20}`, forge.Triage}, "developer": {`200 {"id":5,"access_level":30,"state":"active"}`, forge.Write},
		"maintainer": {`200 {"id":5,"access_level":40}`, forge.Maintain}, "owner": {`200 {"id":5,"access_level":50}`, forge.Admin},
		"blocked":  {`200 {"id":5,"access_level":50,"state":"blocked"}`, forge.None},
		"stranger": {`404 {"message":"404 Not found"}`, forge.None}, "minimal": {`200 {"id":5,"access_level":5}`, forge.None},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, _, r := gitLab(t, map[string][]string{path: {tt.answer}, "GET /api/v4/projects/7": {`200 {"id":7,"path_with_namespace":"acme/web/shop"}`}})
			got, err := f.Permission(t.Context(), r, forge.User{ID: 5, Login: "alice"})
			if err != nil || got != tt.want {
				t.Errorf("%s, error %v; want %s", got, err, tt.want)
			}
		})
	}
	f, _, r := gitLab(t, map[string][]string{path: {`404 {}`}, "GET /api/v4/projects/7": {`404 {"message":"404 Project Not Found"}`}})
	if _, err := f.Permission(t.Context(), r, forge.User{ID: 5}); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("in a project that is gone: %v", err)
	}
}

func TestADeploymentThatHasNotEndedIsTheSame(t *testing.T) {
	const path = " /api/v4/projects/7/deployments"
	f, a, r := gitLab(t, map[string][]string{
		"GET" + path: {`200 [{"id":1,"sha":"abc","status":"success","user":{"id":99}},{"id":2,"sha":"abc","status":"running","user":{"id":5}}]`,
			`200 [{"id":3,"sha":"abc","status":"created","user":{"id":99}}]`},
		"POST" + path:       {`201 {"id":3,"status":"created"}`},
		"GET" + path + "/3": {`200 {"id":3,"status":"created"}`, `200 {"id":3,"status":"running"}`},
		"PUT" + path + "/3": {`200 {"id":3,"status":"running"}`},
	})
	for range 2 {
		if id, err := f.CreateDeployment(t.Context(), r, forge.Deployment{Environment: "prod", SHA: "abc", Key: "k"}); err != nil || id != 3 {
			t.Fatalf("id %d, error %v", id, err)
		}
	}
	for range 2 {
		if err := f.SetDeploymentStatus(t.Context(), r, 3, forge.DeploymentStatus{State: forge.DeploymentInProgress}); err != nil {
			t.Fatal(err)
		}
	}
	if w := a.writes(); len(w) != 2 || !strings.HasPrefix(w[0], "POST") || !strings.HasPrefix(w[1], "PUT") {
		t.Errorf("writes were %v", w)
	}
}

func TestAnEnvironmentSaysWhereItIsAndEnds(t *testing.T) {
	const path, place = " /api/v4/projects/7/deployments/3", " /api/v4/projects/7/environments/9"
	f, a, r := gitLab(t, map[string][]string{
		"GET" + path: {`200 {"id":3,"status":"running","environment":{"id":9,"name":"preview-7","state":"available","external_url":null}}`,
			`200 {"id":3,"status":"success","environment":{"id":9,"name":"preview-7","state":"available","external_url":"https://pr-7.example.com/"}}`},
		"PUT" + path:             {`200 {"id":3,"status":"success"}`, `400 {"message":{"status":["Cannot transition status via :cancel from :success"]}}`},
		"PUT" + place:            {`200 {"id":9,"external_url":"https://pr-7.example.com/"}`},
		"POST" + place + "/stop": {`200 {"id":9,"state":"stopped"}`},
	})
	for _, s := range []forge.DeploymentStatus{
		{State: forge.DeploymentSuccess, EnvironmentURL: "https://pr-7.example.com/"},
		{State: forge.DeploymentInactive, EnvironmentGone: true},
	} {
		if err := f.SetDeploymentStatus(t.Context(), r, 3, s); err != nil {
			t.Fatal(err)
		}
	}
	var ends int
	for _, w := range a.writes() {
		if strings.HasPrefix(w, "POST"+place+"/stop") {
			ends++
		}
	}
	if w := a.writes(); ends != 1 || !strings.HasPrefix(w[0], "PUT"+place) {
		t.Errorf("writes were %v", w)
	}
}

func TestAGitLabRateLimitIsNoFailure(t *testing.T) {
	const path = "GET /api/v4/projects/7"
	f, a, r := gitLab(t, map[string][]string{path: {"429 Retry-After:42|{}"}})
	for range 2 {
		_, err := f.Repository(t.Context(), r)
		var limited *forge.RateLimited
		if !errors.As(err, &limited) || limited.After < 40*time.Second || limited.After > 42*time.Second {
			t.Errorf("got %v", err)
		}
	}
	if len(a.asked) != 1 {
		t.Errorf("asked %v", a.asked)
	}
}

// TestTheClientLibrarySetsNoRateOfItsOwn: it would take one from the first answer's header, and keep it.
func TestTheClientLibrarySetsNoRateOfItsOwn(t *testing.T) {
	f, _, _ := gitLab(t, map[string][]string{"GET /api/v4/projects/7": {`200 RateLimit-Limit:1|{"id":7,"path_with_namespace":"acme/web/shop"}`}})
	_, resp, err := f.api.Projects.GetProject(7, nil)
	if err != nil || resp.Header.Get("RateLimit-Limit") != "" {
		t.Errorf("the library sees RateLimit-Limit %q, error %v", resp.Header.Get("RateLimit-Limit"), err)
	}
}

func TestProjectsThatAreNotAllowedAreLeftOut(t *testing.T) {
	f, _, _ := gitLab(t, map[string][]string{"GET /api/v4/projects": {`200 [{"id":7,"path_with_namespace":"acme/web/shop","default_branch":"main","visibility":"private","http_url_to_repo":"https://elsewhere.example.com/x.git"},{"id":8,"path_with_namespace":"acme-evil/shop"}]`}})
	all, err := f.Installed(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != 7 || all[0].Owner != "acme/web" || !all[0].Private {
		t.Fatalf("reached %+v, error %v", all, err)
	}
	if strings.Contains(all[0].CloneURL, "elsewhere") {
		t.Errorf("git would go to %s", all[0].CloneURL)
	}
}
