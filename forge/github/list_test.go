package github_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/forgetest"
	"github.com/slipway-cd/slipway/forge/github"

	sandboxforge "github.com/slipway-cd/slipway/fixtures/forge"
)

// lister asks the sandbox as the App of the trial.
func (w trial) lister(t *testing.T) *github.Lister {
	t.Helper()
	l, err := github.NewLister(t.Context(), github.ListerOptions{
		BaseURL: w.options.BaseURL, AppID: w.options.AppID, Installation: w.Repository.Installation, PrivateKey: w.options.PrivateKey, Owner: w.Repository.Owner,
		HTTP:    &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.in.Roots(), MinVersion: tls.VersionTLS12}}},
		Backoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A list is all of it or an error: of half a list nobody could tell what is to be deleted.
func TestPullRequestsAreListedWholeOrNotAtAll(t *testing.T) {
	w := newTrial(t)
	w.People.Grant(t, "alice", forge.Write)
	var want []int
	for i := range 5 {
		n, _ := w.People.Open(t, forgetest.Pull{Author: "alice", Title: fmt.Sprint(i), Branch: fmt.Sprintf("b%d", i)})
		want = append(want, n)
	}
	w.in.Faults.PageSize(2)
	l, q := w.lister(t), forge.PullQuery{Repository: w.Repository.FullName()}
	numbers := func() ([]int, error) {
		all, err := l.PullRequests(t.Context(), q)
		var got []int
		for _, p := range all {
			got = append(got, p.Number)
			if p.Repository.ID != w.Repository.ID || p.Head.SHA == "" || p.Fork() {
				t.Errorf("it is %+v", p)
			}
		}
		return got, err
	}
	got, err := numbers()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	if _, err := l.PullRequests(t.Context(), forge.PullQuery{Repository: w.Repository.FullName(), Labels: []string{"preview"}}); err != nil {
		t.Error(err)
	}
	pulls := regexp.MustCompile(`/pulls$`)
	for name, f := range map[string]sandboxforge.Fault{
		"the second page fails":      {Path: pulls, Skip: 1, Times: 50, Status: 502},
		"the first page fails":       {Path: pulls, Times: 50, Status: 500},
		"we are refused midway":      {Path: pulls, Skip: 2, Times: 50, Status: 403, Message: "Resource not accessible by integration"},
		"the rate is used up midway": {Path: pulls, Skip: 1, Times: 50, Status: 403, Primary: true, RetryAfter: time.Hour},
		"the line is cut midway":     {Path: pulls, Skip: 1, Times: 50, Cut: true},
	} {
		w.in.Faults.Clear()
		w.in.Faults.PageSize(2)
		w.in.Faults.Add(f)
		l = w.lister(t) // one that remembers no page
		if got, err := numbers(); err == nil || got != nil {
			t.Errorf("%s: listed %v, %v", name, got, err)
		}
	}
	w.in.Faults.Clear()
	if _, err := w.lister(t).PullRequests(t.Context(), forge.PullQuery{Repository: "acme/none"}); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("a repository that is not there: %v", err)
	}
}

// org answers as GitHub documents lists of an organisation's repositories and of branches, two entries a page. Of the path in fail it gives the
// first page only, and then that status.
func org(t *testing.T, fail string, status int) *github.Lister {
	t.Helper()
	page := func(w http.ResponseWriter, r *http.Request, all ...any) {
		n := 0
		if _, err := fmt.Sscan(r.URL.Query().Get("page"), &n); err != nil || n < 1 {
			n = 1
		}
		if fail != "" && strings.Contains(r.URL.Path, fail) && n > 1 {
			http.Error(w, `{"message": "no more"}`, status)
			return
		}
		from, to := min(2*(n-1), len(all)), min(2*n, len(all))
		if to < len(all) {
			w.Header().Set("Link", fmt.Sprintf(`<https://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, n+1))
		}
		if err := json.NewEncoder(w).Encode(all[from:to]); err != nil {
			t.Error(err)
		}
	}
	repo := func(id int, name string, archived bool, topics ...string) any {
		return map[string]any{"id": id, "name": name, "owner": map[string]any{"login": "acme"}, "default_branch": "main", "archived": archived, "topics": topics,
			"ssh_url": "git@github.com:acme/" + name + ".git", "clone_url": "https://github.com/acme/" + name + ".git"}
	}
	branch := func(name string) any {
		return map[string]any{"name": name, "commit": map[string]any{"sha": name + "-sha"}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/orgs/acme/repos", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		page(w, r, repo(1, "shop", false, "web"), repo(2, "docs", true), repo(3, "empty", false))
	})
	mux.HandleFunc("GET /api/v3/repos/acme/shop/branches", func(w http.ResponseWriter, r *http.Request) { page(w, r, branch("main"), branch("a"), branch("b")) })
	mux.HandleFunc("GET /api/v3/repos/acme/shop/branches/main", func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(branch("main")); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /api/v3/repos/acme/shop/contents/deploy/app.yaml", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("ref") != "main" {
			http.Error(w, `{"message": "Not Found"}`, http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `{"type": "file", "path": "deploy/app.yaml"}`)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"message": "Not Found"}`, http.StatusNotFound)
	})
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	l, err := github.NewLister(t.Context(), github.ListerOptions{BaseURL: s.URL, Token: "secret", HTTP: s.Client(), Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRepositoriesAndBranchesAreListed(t *testing.T) {
	l := org(t, "", 0)
	all, err := l.Repositories(t.Context(), forge.RepositoryQuery{Owner: "acme"})
	if err != nil || len(all) != 3 || all[0].FullName() != "acme/shop" || !all[1].Archived || all[0].Topics[0] != "web" || all[0].SSHURL != "git@github.com:acme/shop.git" {
		t.Fatalf("%+v, %v", all, err)
	}
	if b, err := l.Branches(t.Context(), all[0], true); err != nil || len(b) != 3 || b[2] != (forge.Ref{Name: "b", SHA: "b-sha"}) {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := l.Branches(t.Context(), all[0], false); err != nil || len(b) != 1 || b[0].SHA != "main-sha" {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := l.Branches(t.Context(), all[2], false); err != nil || len(b) != 0 {
		t.Errorf("a repository without commits: %v, %v", b, err)
	}
	for branch, want := range map[string]bool{"main": true, "a": false} {
		if has, err := l.HasPath(t.Context(), all[0], branch, "deploy/app.yaml"); err != nil || has != want {
			t.Errorf("%s has it: %v, %v", branch, has, err)
		}
	}
	for _, status := range []int{http.StatusBadGateway, http.StatusInternalServerError, http.StatusForbidden, http.StatusUnauthorized} {
		if got, err := org(t, "/orgs/", status).Repositories(t.Context(), forge.RepositoryQuery{Owner: "acme"}); err == nil || got != nil {
			t.Errorf("%d: half of the repositories were taken for all: %v", status, got)
		}
		if got, err := org(t, "/branches", status).Branches(t.Context(), all[0], true); err == nil || got != nil {
			t.Errorf("%d: half of the branches were taken for all: %v", status, got)
		}
	}
}
