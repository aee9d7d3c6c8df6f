package github

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/forge"
)

const (
	testSecret = "It's a Secret to Everybody"
	headSHA    = "0123456789abcdef0123456789abcdef01234567"
)

func testVerifier() verifier {
	return verifier{
		secret: []byte(testSecret), app: 42, web: &url.URL{Scheme: "https", Host: "github.com"},
		owners: newOwners([]string{"Octo-Org"}),
	}
}

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func headers(event string, body []byte) http.Header {
	return http.Header{
		"X-Github-Event": {event}, "X-Github-Delivery": {"72d3162e-cc78-11e3-81ab-4c9367dc0958"}, "X-Hub-Signature-256": {sign(body)},
	}
}

func TestSignatures(t *testing.T) {
	// The vector that GitHub publishes in "Validating webhook deliveries".
	body := []byte("Hello, World!")
	const published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	mac := hmac.New(sha1.New, []byte(testSecret))
	mac.Write(body)
	sha1Only := "sha1=" + hex.EncodeToString(mac.Sum(nil))
	tests := map[string]struct {
		header http.Header
		body   []byte
		secret string
		want   error
	}{
		"published vector":         {http.Header{"X-Hub-Signature-256": {published}}, body, testSecret, nil},
		"unsigned":                 {http.Header{}, body, testSecret, forge.ErrSignature},
		"SHA-1 only":               {http.Header{"X-Hub-Signature": {sha1Only}}, body, testSecret, forge.ErrSignature},
		"SHA-1 under another name": {http.Header{"X-Hub-Signature-256": {sha1Only}}, body, testSecret, forge.ErrSignature},
		"changed body":             {http.Header{"X-Hub-Signature-256": {published}}, []byte("Hello, World?"), testSecret, forge.ErrSignature},
		"truncated body":           {http.Header{"X-Hub-Signature-256": {published}}, body[:5], testSecret, forge.ErrSignature},
		"truncated signature":      {http.Header{"X-Hub-Signature-256": {published[:40]}}, body, testSecret, forge.ErrSignature},
		"no hexadecimal":           {http.Header{"X-Hub-Signature-256": {"sha256=zz"}}, body, testSecret, forge.ErrSignature},
		"empty signature":          {http.Header{"X-Hub-Signature-256": {"sha256="}}, body, testSecret, forge.ErrSignature},
		"two signatures":           {http.Header{"X-Hub-Signature-256": {published, published}}, body, testSecret, forge.ErrSignature},
		"no secret of ours":        {http.Header{"X-Hub-Signature-256": {published}}, body, "", forge.ErrSignature},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := testVerifier()
			v.secret = []byte(tt.secret)
			if err := v.signed(tt.header, tt.body); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

const (
	repo  = `"repository":{"id":7,"name":"shop","private":true,"default_branch":"main","owner":{"login":"octo-org"},"pushed_at":1700000000},"installation":{"id":9},"sender":{"login":"alice","type":"User"}`
	other = `"repository":{"id":8,"name":"shop","owner":{"login":"stranger"}},"installation":{"id":10}`
)

func shop() forge.Repository {
	return forge.Repository{
		Forge: forge.GitHub, Host: "github.com", ID: 7, Owner: "octo-org", Name: "shop", CloneURL: "https://github.com/octo-org/shop.git",
		Installation: 9, DefaultBranch: "main", Private: true,
	}
}

func TestEvents(t *testing.T) {
	tests := map[string]struct {
		event, body string
		want        forge.Event
	}{
		"pull request opened": {"pull_request",
			`{"action":"opened","number":3,"pull_request":{"number":3,"head":{"sha":"` + headSHA + `","repo":null,"user":null}},` + repo + `}`,
			forge.Event{Name: "pull_request.opened", Repository: shop(), Number: 3, SHA: headSHA}},
		"body edited": {"pull_request",
			`{"action":"edited","pull_request":{"number":3},"changes":{"body":{"from":"x"}},` + repo + `}`,
			forge.Event{Name: "pull_request.edited", Repository: shop(), Ignored: "neither the title nor the base was edited"}},
		"base edited": {"pull_request",
			`{"action":"edited","pull_request":{"number":3},"changes":{"base":{"ref":{"from":"x"}}},` + repo + `}`,
			forge.Event{Name: "pull_request.edited", Repository: shop(), Number: 3}},
		"assigned": {"pull_request", `{"action":"assigned","pull_request":{"number":3},` + repo + `}`,
			forge.Event{Name: "pull_request.assigned", Repository: shop(), Ignored: unused}},
		"comment": {"issue_comment",
			`{"action":"created","issue":{"number":3,"pull_request":{"url":"x"}},"comment":{"user":null,"performed_via_github_app":null},` + repo + `}`,
			forge.Event{Name: "issue_comment.created", Repository: shop(), Number: 3}},
		"comment on an issue": {"issue_comment", `{"action":"created","issue":{"number":3},"comment":{},` + repo + `}`,
			forge.Event{Name: "issue_comment.created", Repository: shop(), Ignored: "the comment is not on a pull request"}},
		"edited comment": {"issue_comment", `{"action":"edited","issue":{"number":3,"pull_request":{"url":"x"}},"comment":{},` + repo + `}`,
			forge.Event{Name: "issue_comment.edited", Repository: shop(), Ignored: unused}},
		"check of a fork's head asked for again": {"check_run",
			`{"action":"rerequested","check_run":{"head_sha":"` + headSHA + `","app":{"id":42},"pull_requests":[]},` + repo + `}`,
			forge.Event{Name: "check_run.rerequested", Repository: shop(), SHA: headSHA}},
		"check button with its pull request": {"check_run",
			`{"action":"requested_action","check_run":{"head_sha":"` + headSHA + `","app":{"id":42},"pull_requests":[{"number":5,"base":{"repo":{"id":7}}},{"number":6,"base":{"repo":{"id":99}}}]},` + repo + `}`,
			forge.Event{Name: "check_run.requested_action", Repository: shop(), Number: 5, SHA: headSHA, Sender: forge.User{Login: "alice"}}},
		"another App's check": {"check_run",
			`{"action":"rerequested","check_run":{"head_sha":"` + headSHA + `","app":{"id":43},"pull_requests":[]},` + repo + `}`,
			forge.Event{Name: "check_run.rerequested", Repository: shop(), Ignored: "the check is another App's"}},
		"suite asked for again": {"check_suite",
			`{"action":"rerequested","check_suite":{"head_sha":"` + headSHA + `","app":{"id":42},"pull_requests":[{"number":5}]},` + repo + `}`,
			forge.Event{Name: "check_suite.rerequested", Repository: shop(), Number: 5, SHA: headSHA}},
		"push": {"push", `{"ref":"refs/heads/main","after":"` + headSHA + `","head_commit":null,` + repo + `}`,
			forge.Event{Name: "push", Repository: shop(), Ref: "refs/heads/main", SHA: headSHA}},
		"branch deleted": {"push", `{"ref":"refs/heads/x","after":"0000000000000000000000000000000000000000","deleted":true,` + repo + `}`,
			forge.Event{Name: "push", Repository: shop(), Ignored: "the ref was deleted"}},
		"merge group": {"merge_group",
			`{"action":"checks_requested","merge_group":{"head_sha":"` + headSHA + `","head_ref":"refs/heads/gh-readonly-queue/release/1.2/pr-104-6666666666666666666666666666666666666666"},` + repo + `}`,
			forge.Event{Name: "merge_group.checks_requested", Repository: shop(), SHA: headSHA,
				Ref: "refs/heads/gh-readonly-queue/release/1.2/pr-104-6666666666666666666666666666666666666666"}},
		"stranger's installation": {"pull_request", `{"action":"opened","pull_request":{"number":3},` + other + `}`,
			forge.Event{Name: "pull_request.opened", Ignored: "its owner is not allowed"}},
		"unknown event": {"sub_issues", `{"action":7,"number":"x"}`,
			forge.Event{Name: "sub_issues", Ignored: "event sub_issues is not used"}},
		"string deployment payload": {"deployment", `{"action":"created","deployment":{"payload":"{}"},` + repo + `}`,
			forge.Event{Name: "deployment", Ignored: "event deployment is not used"}},
		"installation": {"installation",
			`{"action":"created","installation":{"id":9,"created_at":1700000000,"account":{"login":"octo-org"}},"repositories":[{"id":7,"full_name":"octo-org/shop","private":true},{"id":8,"full_name":"octo-org/web"}]}`,
			forge.Event{Name: "installation.created",
				Repository: forge.Repository{Forge: forge.GitHub, Host: "github.com", ID: 7, Owner: "octo-org", Name: "shop", CloneURL: "https://github.com/octo-org/shop.git", Installation: 9, Private: true},
				Also:       []forge.Repository{{Forge: forge.GitHub, Host: "github.com", ID: 8, Owner: "octo-org", Name: "web", CloneURL: "https://github.com/octo-org/web.git", Installation: 9}}}},
		"our own comment": {"issue_comment",
			`{"action":"created","issue":{"number":3,"pull_request":{"url":"x"}},"comment":{"performed_via_github_app":{"id":42}},"repository":{"id":7,"name":"shop","owner":{"login":"octo-org"}},"installation":{"id":9},"sender":{"login":"slipway[bot]","type":"Bot"}}`,
			forge.Event{Name: "issue_comment.created", Ignored: "the comment is our own",
				Repository: forge.Repository{Forge: forge.GitHub, Host: "github.com", ID: 7, Owner: "octo-org", Name: "shop", CloneURL: "https://github.com/octo-org/shop.git", Installation: 9}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := testVerifier().Verify(headers(tt.event, []byte(tt.body)), []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Delivery = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMalformedDeliveries(t *testing.T) {
	tests := map[string]struct{ event, body string }{
		"no JSON":               {"pull_request", `{"action":`},
		"no JSON, unknown":      {"sub_issues", `{"action":`},
		"an array":              {"pull_request", `[]`},
		"number retyped":        {"pull_request", `{"action":"opened","pull_request":{"number":"3"},` + repo + `}`},
		"commit is a path":      {"push", `{"ref":"refs/heads/main","after":"../../x",` + repo + `}`},
		"repository is a path":  {"push", `{"ref":"refs/heads/main","repository":{"id":7,"name":"..","owner":{"login":"octo-org"}}}`},
		"repository without id": {"push", `{"ref":"refs/heads/main","repository":{"name":"shop","owner":{"login":"octo-org"}}}`},
		"no repository":         {"pull_request", `{"action":"opened","pull_request":{"number":3},"installation":{"id":9,"account":{"login":"octo-org"}}}`},
		"action is no word":     {"pull_request", `{"action":"opened\nx","pull_request":{"number":3},` + repo + `}`},
		"event is no word":      {"pull request", `{}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := testVerifier().Verify(headers(tt.event, []byte(tt.body)), []byte(tt.body))
			if !errors.Is(err, forge.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("pull_request", []byte(`{"action":"opened","pull_request":{"number":3},`+repo+`}`), true)
	f.Add("installation", []byte(`{"action":"created","installation":{"account":{"login":"octo-org"}},"repositories":[{"id":7,"full_name":"octo-org/shop"}]}`), true)
	f.Add("check_run", []byte(`{"action":"rerequested","check_run":{"pull_requests":[null]},`+repo+`}`), true)
	f.Add("push", []byte(`null`), false)
	f.Fuzz(func(t *testing.T, event string, body []byte, signed bool) {
		h := headers(event, body)
		if !signed {
			h.Set("X-Hub-Signature-256", sign(append(bytes.Clone(body), '!')))
		}
		e, err := testVerifier().Verify(h, body)
		if !signed && !errors.Is(err, forge.ErrSignature) {
			t.Fatalf("accepted a wrong signature: %v", err)
		}
		if err == nil && e.Ignored == "" && (e.Repository.ID <= 0 || e.Repository.Owner == "" || e.Number < 0) {
			t.Fatalf("an event that names nothing: %+v", e)
		}
	})
}
