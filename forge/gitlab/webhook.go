package gitlab

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// tolerance is how far a signature's time may be from ours, either way. GitLab's retries are signed anew.
const tolerance = 5 * time.Minute

// verifier reads deliveries. It makes no call.
type verifier struct {
	token   []byte
	signing []byte // the key in the signing token; where there is one, deliveries must be signed
	web     *url.URL
	owners  owners
	self    *atomic.Int64
	now     func() time.Time
}

func newVerifier(o Options, web *url.URL, self *atomic.Int64) (verifier, error) {
	v := verifier{token: []byte(o.WebhookToken), web: web, owners: newOwners(o.AllowedOwners), self: self, now: o.Now}
	if v.now == nil {
		v.now = time.Now
	}
	if o.SigningToken == "" {
		return v, nil
	}
	encoded, ok := strings.CutPrefix(o.SigningToken, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 16 {
		return verifier{}, errors.New("GitLab's signing token is not whsec_ and a key in base64")
	}
	v.signing = key
	return v, nil
}

// Verify implements forge.Verifier for a project's or a group's webhook.
func (v verifier) Verify(h http.Header, body []byte) (forge.Event, error) {
	if err := v.authentic(h, body); err != nil {
		return forge.Event{}, err
	}
	e := forge.Event{Delivery: deliveryID(h), Name: h.Get("X-Gitlab-Event")}
	if !eventName.MatchString(e.Name) || (e.Delivery != "" && !word.MatchString(e.Delivery)) {
		return forge.Event{}, fmt.Errorf("%w: the event's name or the delivery's id is missing or no word", forge.ErrMalformed)
	}
	read, known := readers[e.Name]
	if !known {
		if !json.Valid(body) {
			return forge.Event{}, fmt.Errorf("%w: %s is no JSON", forge.ErrMalformed, e.Name)
		}
		e.Ignored = "event " + e.Name + " is not used"
		return e, nil
	}
	var d delivery
	err := json.Unmarshal(body, &d)
	if err == nil {
		err = v.event(read, d, &e)
	}
	if err != nil {
		return forge.Event{}, fmt.Errorf("%w: %s: %w", forge.ErrMalformed, e.Name, err)
	}
	return e, nil
}

// deliveryID is the same when GitLab sends a delivery again. Before 17.4 there was none.
func deliveryID(h http.Header) string {
	for _, name := range []string{"Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-UUID"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// authentic checks the signature where there is a signing token, and the plain token otherwise.
func (v verifier) authentic(h http.Header, body []byte) error {
	if len(v.signing) > 0 {
		return v.signed(h, body)
	}
	given := h.Values("X-Gitlab-Token")
	if len(v.token) == 0 || len(given) != 1 {
		return fmt.Errorf("%w: %d X-Gitlab-Token headers", forge.ErrSignature, len(given))
	}
	// The digests are compared, so that not even the length of the token shows.
	want, got := sha256.Sum256(v.token), sha256.Sum256([]byte(given[0]))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return fmt.Errorf("%w: the token is another", forge.ErrSignature)
	}
	return nil
}

// signed checks "webhook-signature: v1,BASE64 ...", an HMAC of id, time and body. One of several signatures suffices: they are those of
// several keys.
func (v verifier) signed(h http.Header, body []byte) error {
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return fmt.Errorf("%w: the id or the time that is signed is missing", forge.ErrSignature)
	}
	if age := v.now().Sub(time.Unix(seconds, 0)).Abs(); age > tolerance {
		return fmt.Errorf("%w: it was signed %s away from now", forge.ErrSignature, age.Round(time.Second))
	}
	mac := hmac.New(sha256.New, v.signing)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, signature := range strings.Fields(h.Get("Webhook-Signature")) {
		encoded, ok := strings.CutPrefix(signature, "v1,")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && hmac.Equal(given, want) {
			return nil
		}
	}
	return fmt.Errorf("%w: no signature matches the body", forge.ErrSignature)
}

var (
	word        = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,100}$`)
	eventName   = regexp.MustCompile(`^[A-Za-z ]{1,60}$`)
	projectPath = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
	sha         = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// event reduces a delivery to its hint. Its errors say what is malformed.
func (v verifier) event(read reader, d delivery, e *forge.Event) error {
	if action := d.Attributes.Action; action != "" {
		if !word.MatchString(action) {
			return errors.New("the action is no word")
		}
		e.Name += "." + action
	}
	if d.Project.ID <= 0 || !projectPath.MatchString(d.Project.Path) {
		return errors.New("it names no project")
	}
	r, allowed := v.named(d.Project.ID, d.Project.Path)
	if !allowed {
		e.Ignored = "its group is not allowed"
		return nil
	}
	r.DefaultBranch, r.Private = d.Project.DefaultBranch, d.Project.Visibility < public
	e.Repository = r
	if e.Ignored = read(v, d, e); e.Ignored != "" {
		return nil
	}
	if e.SHA != "" && !sha.MatchString(e.SHA) || e.Number < 0 {
		return errors.New("the commit or the number is none")
	}
	return nil
}

// reader fills an event's number, commit and ref, or says why it needs no work.
type reader func(verifier, delivery, *forge.Event) (ignored string)

// readers has one for each event that is used.
var readers = map[string]reader{
	"Merge Request Hook": verifier.mergeRequest,
	"Note Hook":          verifier.note,
	"Push Hook":          verifier.push,
	"Tag Push Hook":      verifier.push,
}

const unused = "this action needs no work"

func (v verifier) mergeRequest(d delivery, e *forge.Event) string {
	switch d.Attributes.Action {
	case "open", "reopen", "close", "merge", "approved", "unapproved", "approval", "unapproval":
	case "update":
		if d.Attributes.OldRev == "" && !d.Changes.matter() {
			return "nothing that matters was changed"
		}
	default:
		return unused
	}
	e.Number, e.SHA = d.Attributes.IID, d.Attributes.LastCommit.ID
	return ""
}

// note takes new notes on merge requests by others. An edited note is no command. Before 16.11 notes had no action, and were sent
// when they were made.
func (v verifier) note(d delivery, e *forge.Event) string {
	switch {
	case d.Attributes.NoteableType != "MergeRequest" || d.MergeRequest == nil:
		return "the note is not on a merge request"
	case d.Attributes.Action != "" && d.Attributes.Action != "create":
		return unused
	case d.Attributes.System:
		return "the note is GitLab's own"
	case v.self.Load() != 0 && d.Attributes.AuthorID == v.self.Load():
		return "the note is our own"
	}
	e.Number = d.MergeRequest.IID
	return ""
}

func (v verifier) push(d delivery, e *forge.Event) string {
	switch {
	case strings.Trim(d.After, "0") == "":
		return "the ref was deleted"
	case !strings.HasPrefix(d.Ref, "refs/"):
		return "the push names no ref"
	}
	e.Ref, e.SHA = d.Ref, d.After
	return ""
}
