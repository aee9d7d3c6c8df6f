package gitlab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// group answers as GitLab documents lists, two entries a page. Of the path in fail it gives the first page only, and then that status.
func group(t *testing.T, fail string, status int) *Lister {
	t.Helper()
	page := func(w http.ResponseWriter, r *http.Request, all ...any) {
		n := 0
		if _, err := fmt.Sscan(r.URL.Query().Get("page"), &n); err != nil || n < 1 {
			n = 1
		}
		if r.Header.Get("PRIVATE-TOKEN") != "secret" {
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		if fail != "" && strings.Contains(r.URL.Path, fail) && n > 1 {
			http.Error(w, fmt.Sprintf(`{"message": "%d"}`, status), status)
			return
		}
		from, to := min(2*(n-1), len(all)), min(2*n, len(all))
		if to < len(all) {
			w.Header().Set("X-Next-Page", fmt.Sprint(n+1))
		}
		if err := json.NewEncoder(w).Encode(all[from:to]); err != nil {
			t.Error(err)
		}
	}
	mr := func(n int) any {
		return map[string]any{"iid": n, "project_id": 7, "source_project_id": 7, "title": fmt.Sprintf("Draft: %d", n), "state": "opened", "source_branch": "b", "target_branch": "main",
			"sha": "abc", "labels": []string{"preview"}, "author": map[string]any{"id": 1, "username": "alice"}}
	}
	project := func(id int, name string) any {
		return map[string]any{"id": id, "path": name, "path_with_namespace": "acme/sub/" + name, "default_branch": "main", "topics": []string{"web"},
			"ssh_url_to_repo": "git@gitlab.example.com:acme/sub/" + name + ".git", "http_url_to_repo": "https://gitlab.example.com/acme/sub/" + name + ".git"}
	}
	branch := func(name string) any {
		return map[string]any{"name": name, "commit": map[string]any{"id": name + "-sha"}}
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		path, _ := url.PathUnescape(r.URL.EscapedPath())
		switch path {
		case "/api/v4/projects/acme/sub/shop/merge_requests":
			if q.Get("state") != "opened" || q.Get("labels") != "preview,web" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			page(w, r, mr(1), mr(2), mr(3))
		case "/api/v4/groups/acme/projects":
			if q.Get("include_subgroups") != "true" || q.Get("with_shared") != "false" || q.Get("archived") != "false" || q.Get("topic") != "web" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			page(w, r, project(7, "shop"), project(8, "docs"), project(9, "pay"))
		case "/api/v4/projects/7/repository/branches":
			page(w, r, branch("main"), branch("a"), branch("b"))
		case "/api/v4/projects/7/repository/branches/main":
			if err := json.NewEncoder(w).Encode(branch("main")); err != nil {
				t.Error(err)
			}
		case "/api/v4/projects/7/repository/tree":
			if q.Get("path") != "deploy" || q.Get("ref") != "main" {
				http.Error(w, `{"message": "404 Tree Not Found"}`, http.StatusNotFound)
				return
			}
			page(w, r, map[string]any{"path": "deploy/a.yaml"}, map[string]any{"path": "deploy/b.yaml"}, map[string]any{"path": "deploy/c"})
		default:
			http.Error(w, `{"message": "404 Not Found"}`, http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	l, err := NewLister(ListerOptions{BaseURL: s.URL, Token: "secret", HTTP: s.Client(), Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWhatAGroupHasIsListedWholeOrNotAtAll(t *testing.T) {
	l := group(t, "", 0)
	pulls := forge.PullQuery{Repository: "acme/sub/shop", State: "opened", Labels: []string{"preview", "web"}}
	got, err := l.PullRequests(t.Context(), pulls)
	if err != nil || len(got) != 3 || got[2].Number != 3 || got[2].Title != "Draft: 3" || got[2].Fork() || got[2].Repository.FullName() != "acme/sub/shop" {
		t.Fatalf("%+v, %v", got, err)
	}
	owner := forge.RepositoryQuery{Owner: "acme", Subgroups: true, Topic: "web"}
	all, err := l.Repositories(t.Context(), owner)
	if err != nil || len(all) != 3 || all[0].FullName() != "acme/sub/shop" || all[0].CloneURL != "https://gitlab.example.com/acme/sub/shop.git" || all[0].Topics[0] != "web" {
		t.Fatalf("%+v, %v", all, err)
	}
	if b, err := l.Branches(t.Context(), all[0], true); err != nil || len(b) != 3 || b[2] != (forge.Ref{Name: "b", SHA: "b-sha"}) {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := l.Branches(t.Context(), all[0], false); err != nil || len(b) != 1 || b[0].SHA != "main-sha" {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := l.Branches(t.Context(), all[1], false); err != nil || len(b) != 0 {
		t.Errorf("a project without commits: %v, %v", b, err)
	}
	for path, want := range map[string]bool{"deploy/c": true, "deploy/a.yaml": true, "deploy/none": false, "other/a.yaml": false} {
		if has, err := l.HasPath(t.Context(), all[0], "main", path); err != nil || has != want {
			t.Errorf("%s is there: %v, %v", path, has, err)
		}
	}
	for _, status := range []int{http.StatusBadGateway, http.StatusInternalServerError, http.StatusForbidden, http.StatusUnauthorized} {
		if got, err := group(t, "merge_requests", status).PullRequests(t.Context(), pulls); err == nil || got != nil {
			t.Errorf("%d: half of the merge requests: %v, %v", status, got, err)
		}
		if got, err := group(t, "/groups/", status).Repositories(t.Context(), owner); err == nil || got != nil {
			t.Errorf("%d: half of the projects: %v, %v", status, got, err)
		}
		if got, err := group(t, "branches", status).Branches(t.Context(), all[0], true); err == nil || got != nil {
			t.Errorf("%d: half of the branches: %v, %v", status, got, err)
		}
		if _, err := group(t, "tree", status).HasPath(t.Context(), all[0], "main", "deploy/none"); err == nil {
			t.Errorf("%d: half of a folder was taken for all of it", status)
		}
	}
}
