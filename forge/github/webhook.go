package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// verifier reads deliveries. It makes no call.
type verifier struct {
	secret []byte
	app    int64
	web    *url.URL
	owners owners
}

// Verify implements forge.Verifier for the App's webhook.
func (v verifier) Verify(h http.Header, body []byte) (forge.Event, error) {
	if err := v.signed(h, body); err != nil {
		return forge.Event{}, err
	}
	event, id := h.Get("X-GitHub-Event"), h.Get("X-GitHub-Delivery")
	if !word.MatchString(event) || !word.MatchString(id) {
		return forge.Event{}, fmt.Errorf("%w: the event's name or the delivery's id is missing or no word", forge.ErrMalformed)
	}
	e := forge.Event{Delivery: id, Name: event}
	read, known := readers[event]
	if !known {
		if !json.Valid(body) {
			return forge.Event{}, fmt.Errorf("%w: %s is no JSON", forge.ErrMalformed, event)
		}
		e.Ignored = "event " + event + " is not used"
		return e, nil
	}
	var d delivery
	err := json.Unmarshal(body, &d)
	if err == nil {
		err = v.event(read, d, &e)
	}
	if err != nil {
		return forge.Event{}, fmt.Errorf("%w: %s: %w", forge.ErrMalformed, event, err)
	}
	return e, nil
}

// signed checks the SHA-256 signature of the raw body. The SHA-1 one that GitHub sends beside it is worth nothing.
func (v verifier) signed(h http.Header, body []byte) error {
	if len(v.secret) == 0 {
		return fmt.Errorf("%w: there is no secret to check it with", forge.ErrSignature)
	}
	values := h.Values("X-Hub-Signature-256")
	if len(values) != 1 {
		return fmt.Errorf("%w: %d X-Hub-Signature-256 headers", forge.ErrSignature, len(values))
	}
	hexadecimal, ok := strings.CutPrefix(values[0], "sha256=")
	given, err := hex.DecodeString(hexadecimal)
	if !ok || err != nil {
		return fmt.Errorf("%w: X-Hub-Signature-256 is not sha256 in hexadecimal", forge.ErrSignature)
	}
	mac := hmac.New(sha256.New, v.secret)
	mac.Write(body)
	if !hmac.Equal(given, mac.Sum(nil)) {
		return fmt.Errorf("%w: it does not match the body", forge.ErrSignature)
	}
	return nil
}

var (
	// word is a name of an event or action, or an id.
	word = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	sha  = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// event reduces a delivery to its hint. Its errors say what is malformed.
func (v verifier) event(read reader, d delivery, e *forge.Event) error {
	if d.Action != "" {
		if !word.MatchString(d.Action) {
			return errors.New("the action is no word")
		}
		e.Name += "." + d.Action
	}
	if !v.owners.allow(d.owner()) {
		e.Ignored = "its owner is not allowed"
		return nil
	}
	if err := v.repositories(e, d); err != nil {
		return err
	}
	if e.Ignored = read(v, d, e); e.Ignored != "" {
		return nil
	}
	switch {
	case e.Repository.ID == 0:
		return errors.New("it names no repository")
	case e.SHA != "" && !sha.MatchString(e.SHA):
		return errors.New("the commit is no object id")
	case e.Number < 0:
		return errors.New("the number is negative")
	}
	return nil
}

// repositories that the delivery is about: the one it names, or those that an installation brings.
func (v verifier) repositories(e *forge.Event, d delivery) error {
	if d.Repository != nil {
		owner := d.Repository.Owner.Login
		if d.Repository.ID <= 0 || !plain(owner) || !plain(d.Repository.Name) {
			return errors.New("the repository has no id or name")
		}
		e.Repository = v.named(d.Repository.ID, owner, d.Repository.Name)
		e.Repository.Installation = d.Installation.ID
		e.Repository.DefaultBranch, e.Repository.Private = d.Repository.DefaultBranch, d.Repository.Private
		return nil
	}
	for _, one := range append(d.Repositories, d.Added...) {
		owner, name, _ := strings.Cut(one.FullName, "/")
		if one.ID <= 0 || !plain(owner) || !plain(name) || !v.owners.allow(owner) {
			continue
		}
		r := v.named(one.ID, owner, name)
		r.Installation, r.Private = d.Installation.ID, one.Private
		if e.Repository.ID == 0 {
			e.Repository = r
		} else {
			e.Also = append(e.Also, r)
		}
	}
	return nil
}

// plain says whether name can be an owner's or a repository's: it becomes part of addresses.
func plain(name string) bool { return word.MatchString(name) && name != "." && name != ".." }

func (v verifier) named(id int64, owner, name string) forge.Repository {
	return forge.Repository{
		Forge: forge.GitHub, Host: v.web.Host, ID: id, Owner: owner, Name: name,
		CloneURL: v.web.JoinPath(owner, name+".git").String(),
	}
}

// reader fills an event's number, commit and ref, or says why it needs no work.
type reader func(verifier, delivery, *forge.Event) (ignored string)

// readers has one for each event that is used.
var readers = map[string]reader{
	"pull_request":              verifier.pullRequest,
	"pull_request_review":       verifier.pullRequestReview,
	"issue_comment":             verifier.issueComment,
	"check_run":                 verifier.checkRun,
	"check_suite":               verifier.checkSuite,
	"push":                      verifier.push,
	"merge_group":               verifier.mergeGroup,
	"installation":              verifier.installed,
	"installation_repositories": verifier.installed,
	"repository":                verifier.moved,
}

const unused = "this action needs no work"

func (v verifier) pullRequest(d delivery, e *forge.Event) string {
	switch d.Action {
	case "opened", "reopened", "synchronize", "labeled", "unlabeled", "ready_for_review", "converted_to_draft", "closed":
	case "edited":
		if d.Changes.Base == nil && d.Changes.Title == nil {
			return "neither the title nor the base was edited"
		}
	default:
		return unused
	}
	return d.number(e)
}

func (v verifier) pullRequestReview(d delivery, e *forge.Event) string {
	switch d.Action {
	case "submitted", "dismissed":
		return d.number(e)
	}
	return unused
}

// issueComment takes new comments on pull requests by others. An edited comment is no command.
func (v verifier) issueComment(d delivery, e *forge.Event) string {
	switch {
	case d.Action != "created":
		return unused
	case d.Issue == nil || len(d.Issue.PullRequest) == 0 || string(d.Issue.PullRequest) == "null":
		return "the comment is not on a pull request"
	case d.Comment != nil && d.Comment.Via != nil && d.Comment.Via.ID == v.app && d.Sender.Type == "Bot":
		return "the comment is our own"
	}
	e.Number = d.Issue.Number
	return ""
}

func (v verifier) checkRun(d delivery, e *forge.Event) string {
	if d.CheckRun == nil || (d.Action != "rerequested" && d.Action != "requested_action") {
		return unused
	}
	if d.CheckRun.App.ID != v.app {
		return "the check is another App's"
	}
	d.CheckRun.name(d, e)
	e.CheckKey = d.CheckRun.ExternalID
	if d.Action == "requested_action" {
		e.Button, e.Sender = d.RequestedAction.Identifier, forge.User{ID: d.Sender.ID, Login: d.Sender.Login, Bot: d.Sender.Type == "Bot"}
	}
	return ""
}

func (v verifier) checkSuite(d delivery, e *forge.Event) string {
	if d.CheckSuite == nil || d.Action != "rerequested" {
		return unused
	}
	if d.CheckSuite.App.ID != 0 && d.CheckSuite.App.ID != v.app {
		return "the check is another App's"
	}
	d.CheckSuite.name(d, e)
	return ""
}

func (v verifier) push(d delivery, e *forge.Event) string {
	switch {
	case d.Deleted:
		return "the ref was deleted"
	case strings.HasPrefix(d.Ref, "refs/heads/gh-readonly-queue/"):
		return "a merge group has an event of its own"
	case !strings.HasPrefix(d.Ref, "refs/"):
		return "the push names no ref"
	}
	e.Ref, e.SHA = d.Ref, d.After
	return ""
}

// mergeGroup is about a branch of the queue, not about one pull request: a group may hold several.
func (v verifier) mergeGroup(d delivery, e *forge.Event) string {
	if d.MergeGroup == nil || d.Action != "checks_requested" && d.Action != "destroyed" {
		return unused
	}
	e.Ref, e.SHA = d.MergeGroup.HeadRef, d.MergeGroup.HeadSHA
	return ""
}

func (v verifier) installed(d delivery, e *forge.Event) string {
	switch d.Action {
	case "created", "unsuspend", "new_permissions_accepted", "added":
	default:
		return unused
	}
	if e.Repository.ID == 0 {
		return "it names no repository; the sweep will"
	}
	return ""
}

func (v verifier) moved(d delivery, e *forge.Event) string {
	switch d.Action {
	case "renamed", "transferred", "edited", "unarchived":
		return ""
	}
	return unused
}
