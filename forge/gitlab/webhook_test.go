package gitlab

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/forge"
)

const (
	token   = "a plain secret"
	signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	headSHA = "0123456789abcdef0123456789abcdef01234567"
)

// signedAt is a moment of which a signature is known.
var signedAt = time.Unix(1614265330, 0)

func testVerifier(t testing.TB, o Options) verifier {
	t.Helper()
	self := &atomic.Int64{}
	self.Store(99)
	o.AllowedOwners, o.Now = []string{"Acme"}, func() time.Time { return signedAt }
	v, err := newVerifier(o, &url.URL{Scheme: "https", Host: "gitlab.com"}, self)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func signature(t testing.TB, id string, at time.Time, body []byte) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(signing[len("whsec_"):])
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestAuthentic(t *testing.T) {
	// The vector that the Standard Webhooks specification publishes.
	body := []byte(`{"test": 2432232314}`)
	const id, published = "msg_p5jXN8AQM9LWM0D4loKWxJek", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	signed := func(sig string, at time.Time) http.Header {
		return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {sig}}
	}
	with := func(h http.Header, name, value string) http.Header {
		h = h.Clone()
		h.Set(name, value)
		return h
	}
	plain, keyed := Options{WebhookToken: token}, Options{WebhookToken: token, SigningToken: signing}
	tests := map[string]struct {
		options Options
		header  http.Header
		body    []byte
		want    error
	}{
		"token":                          {plain, http.Header{"X-Gitlab-Token": {token}}, body, nil},
		"wrong token":                    {plain, http.Header{"X-Gitlab-Token": {"a plain secreT"}}, body, forge.ErrSignature},
		"empty token":                    {plain, http.Header{"X-Gitlab-Token": {""}}, body, forge.ErrSignature},
		"two tokens":                     {plain, http.Header{"X-Gitlab-Token": {token, token}}, body, forge.ErrSignature},
		"no token":                       {plain, http.Header{}, body, forge.ErrSignature},
		"no secret of ours":              {Options{}, http.Header{"X-Gitlab-Token": {""}}, body, forge.ErrSignature},
		"published vector":               {keyed, signed(published, signedAt), body, nil},
		"one of several keys":            {keyed, signed("v1,AAAA "+published, signedAt), body, nil},
		"token where signatures are due": {keyed, http.Header{"X-Gitlab-Token": {token}}, body, forge.ErrSignature},
		"changed body":                   {keyed, signed(published, signedAt), append(bytes.Clone(body), ' '), forge.ErrSignature},
		"another version":                {keyed, signed("v2"+published[2:], signedAt), body, forge.ErrSignature},
		"another id":                     {keyed, with(signed(published, signedAt), "Webhook-Id", "msg_2"), body, forge.ErrSignature},
		"another time":                   {keyed, with(signed(published, signedAt), "Webhook-Timestamp", "1614265331"), body, forge.ErrSignature},
		"no time":                        {keyed, with(signed(published, signedAt), "Webhook-Timestamp", ""), body, forge.ErrSignature},
		"old":                            {keyed, signed(signature(t, id, signedAt.Add(-6*time.Minute), body), signedAt.Add(-6*time.Minute)), body, forge.ErrSignature},
		"from the future":                {keyed, signed(signature(t, id, signedAt.Add(6*time.Minute), body), signedAt.Add(6*time.Minute)), body, forge.ErrSignature},
		"a minute late":                  {keyed, signed(signature(t, id, signedAt.Add(-time.Minute), body), signedAt.Add(-time.Minute)), body, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := testVerifier(t, tt.options).authentic(tt.header, tt.body); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

const project = `"project":{"id":7,"path_with_namespace":"acme/web/shop","default_branch":"main","visibility_level":0}`

func headers(event string) http.Header {
	return http.Header{"X-Gitlab-Token": {token}, "X-Gitlab-Event": {event}, "Idempotency-Key": {"f5e5f430-f57b-4e6e-9fac-d9128cd7232f"}}
}

func TestEvents(t *testing.T) {
	shop := forge.Repository{Forge: forge.GitLab, Host: "gitlab.com", ID: 7, Owner: "acme/web", Name: "shop",
		CloneURL: "https://gitlab.com/acme/web/shop.git", DefaultBranch: "main", Private: true}
	tests := map[string]struct {
		event, body string
		want        forge.Event
	}{
		"opened": {"Merge Request Hook", `{"object_attributes":{"iid":3,"action":"open","last_commit":{"id":"` + headSHA + `"}},` + project + `}`,
			forge.Event{Name: "Merge Request Hook.open", Repository: shop, Number: 3, SHA: headSHA}},
		"new commits": {"Merge Request Hook", `{"object_attributes":{"iid":3,"action":"update","oldrev":"x","last_commit":{"id":"` + headSHA + `"}},` + project + `}`,
			forge.Event{Name: "Merge Request Hook.update", Repository: shop, Number: 3, SHA: headSHA}},
		"labels": {"Merge Request Hook", `{"object_attributes":{"iid":3,"action":"update"},"changes":{"labels":{}},` + project + `}`,
			forge.Event{Name: "Merge Request Hook.update", Repository: shop, Number: 3}},
		"description": {"Merge Request Hook", `{"object_attributes":{"iid":3,"action":"update"},"changes":{"description":{}},` + project + `}`,
			forge.Event{Name: "Merge Request Hook.update", Repository: shop, Ignored: "nothing that matters was changed"}},
		"approved": {"Merge Request Hook", `{"object_attributes":{"iid":3,"action":"approved"},` + project + `}`,
			forge.Event{Name: "Merge Request Hook.approved", Repository: shop, Number: 3}},
		"note": {"Note Hook", `{"object_attributes":{"noteable_type":"MergeRequest","action":"create","author_id":5},"merge_request":{"iid":3},` + project + `}`,
			forge.Event{Name: "Note Hook.create", Repository: shop, Number: 3}},
		"note of an old GitLab": {"Note Hook", `{"object_attributes":{"noteable_type":"MergeRequest","author_id":5},"merge_request":{"iid":3},` + project + `}`,
			forge.Event{Name: "Note Hook", Repository: shop, Number: 3}},
		"edited note": {"Note Hook", `{"object_attributes":{"noteable_type":"MergeRequest","action":"update"},"merge_request":{"iid":3},` + project + `}`,
			forge.Event{Name: "Note Hook.update", Repository: shop, Ignored: unused}},
		"our own note": {"Note Hook", `{"object_attributes":{"noteable_type":"MergeRequest","action":"create","author_id":99},"merge_request":{"iid":3},` + project + `}`,
			forge.Event{Name: "Note Hook.create", Repository: shop, Ignored: "the note is our own"}},
		"note on an issue": {"Note Hook", `{"object_attributes":{"noteable_type":"Issue"},"issue":{"iid":3},` + project + `}`,
			forge.Event{Name: "Note Hook", Repository: shop, Ignored: "the note is not on a merge request"}},
		"push": {"Push Hook", `{"ref":"refs/heads/main","after":"` + headSHA + `",` + project + `}`,
			forge.Event{Name: "Push Hook", Repository: shop, Ref: "refs/heads/main", SHA: headSHA}},
		"branch deleted": {"Push Hook", `{"ref":"refs/heads/x","after":"0000000000000000000000000000000000000000",` + project + `}`,
			forge.Event{Name: "Push Hook", Repository: shop, Ignored: "the ref was deleted"}},
		"another group": {"Push Hook", `{"ref":"refs/heads/main","project":{"id":8,"path_with_namespace":"acme-evil/shop"}}`,
			forge.Event{Name: "Push Hook", Ignored: "its group is not allowed"}},
		"unknown": {"Emoji Hook", `{"object_attributes":[]}`, forge.Event{Name: "Emoji Hook", Ignored: "event Emoji Hook is not used"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := testVerifier(t, Options{WebhookToken: token}).Verify(headers(tt.event), []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Delivery = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMalformedDeliveries(t *testing.T) {
	tests := map[string]struct{ event, body string }{
		"no JSON":           {"Push Hook", `{`},
		"no JSON, unknown":  {"Emoji Hook", `{`},
		"an array":          {"Push Hook", `[]`},
		"null":              {"Push Hook", `null`},
		"number retyped":    {"Merge Request Hook", `{"object_attributes":{"iid":"3","action":"open"},` + project + `}`},
		"project is a path": {"Push Hook", `{"ref":"refs/heads/main","after":"` + headSHA + `","project":{"id":7,"path_with_namespace":"acme/../shop"}}`},
		"commit is a path":  {"Push Hook", `{"ref":"refs/heads/main","after":"../x",` + project + `}`},
		"no event":          {"", `{}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := testVerifier(t, Options{WebhookToken: token}).Verify(headers(tt.event), []byte(tt.body))
			if !errors.Is(err, forge.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestSigningTokenIsChecked(t *testing.T) {
	for _, bad := range []string{"secret", "whsec_", "whsec_!!", "whsec_AAAA"} {
		if _, err := newVerifier(Options{SigningToken: bad}, &url.URL{}, nil); err == nil {
			t.Errorf("%q was taken for a signing token", bad)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("Merge Request Hook", []byte(`{"object_attributes":{"iid":3,"action":"open"},`+project+`}`), true)
	f.Add("Note Hook", []byte(`{"object_attributes":{"noteable_type":"MergeRequest"},"merge_request":null,`+project+`}`), true)
	f.Add("Push Hook", []byte(`null`), false)
	v := testVerifier(f, Options{SigningToken: signing})
	f.Fuzz(func(t *testing.T, event string, body []byte, signed bool) {
		h := headers(event)
		h.Set("Webhook-Id", "1")
		h.Set("Webhook-Timestamp", strconv.FormatInt(signedAt.Unix(), 10))
		if signed {
			h.Set("Webhook-Signature", signature(t, "1", signedAt, body))
		} else {
			h.Set("Webhook-Signature", signature(t, "1", signedAt, append(bytes.Clone(body), '!')))
		}
		e, err := v.Verify(h, body)
		if !signed && !errors.Is(err, forge.ErrSignature) {
			t.Fatalf("accepted a wrong signature: %v", err)
		}
		if err == nil && e.Ignored == "" && (e.Repository.ID <= 0 || e.Repository.Owner == "" || e.Number < 0) {
			t.Fatalf("an event that names nothing: %+v", e)
		}
	})
}
