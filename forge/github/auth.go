package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// job is what a token is for. Each has the least permissions that it can be done with.
type job string

const (
	// clone reads files by git.
	clone job = "clone"
	// report reads pull requests and writes what Slipway says about them.
	report job = "report"
	// look reads what repositories there are.
	look job = "look"
	// others reads the checks and statuses that others set.
	others job = "others"
	// states sets commit statuses.
	states job = "states"
	// propose pushes a branch of our own.
	propose job = "propose"
	// teams reads who is in which team of the organisation.
	teams job = "teams"
)

func (j job) permissions() *github.InstallationPermissions {
	read, write := github.String("read"), github.String("write")
	switch j {
	case clone:
		return &github.InstallationPermissions{Metadata: read, Contents: read}
	case report:
		return &github.InstallationPermissions{Metadata: read, PullRequests: write, Issues: write, Checks: write, Deployments: write}
	case others:
		return &github.InstallationPermissions{Metadata: read, Checks: read, Statuses: read}
	case states:
		return &github.InstallationPermissions{Metadata: read, Statuses: write}
	case propose:
		return &github.InstallationPermissions{Metadata: read, Contents: write}
	case teams:
		return &github.InstallationPermissions{Metadata: read, Members: read}
	}
	return &github.InstallationPermissions{Metadata: read}
}

// grant names a token: whose, for which repository (0: all that the installation reaches), for what.
type grant struct {
	installation, repository int64
	job                      job
}

func (g grant) String() string { return fmt.Sprintf("%d/%d/%s", g.installation, g.repository, g.job) }

// token is valid until expires.
type token struct {
	value   string
	expires time.Time
}

// margin is how long before its end a token is no longer handed out: a clone that starts with it must be able to finish.
const margin = 5 * time.Minute

// tokens keeps installation tokens until shortly before they end.
type tokens struct {
	app    *github.Client
	owners owners

	mu      sync.Mutex
	held    map[grant]*holder
	checked map[int64]time.Time // when an installation was last seen to belong to an owner that is allowed
	refused map[int64]refusedAt // installations that were removed or suspended
}

// refusedAt is a refusal of tokens, and when it was heard. It is believed for a moment, so that many who ask at once cause one call.
type refusedAt struct {
	err error
	at  time.Time
}

const believed = 10 * time.Second

// refusal is the one that is still believed, if any.
func (t *tokens) refusal(installation int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.refused[installation]; ok && time.Since(r.at) < believed {
		return r.err
	}
	return nil
}

// heard notes whether an installation refused us a token, and passes the error on.
func (t *tokens) heard(installation int64, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if delete(t.refused, installation); errors.Is(err, forge.ErrUnauthorized) {
		t.refused[installation] = refusedAt{err, time.Now()}
	}
	return err
}

// holder lets one caller renew a token while the others wait for it.
type holder struct {
	renewing chan struct{} // holds one while a caller is at it
	token    token
}

func newTokens(app *github.Client, o owners) *tokens {
	return &tokens{app: app, owners: o, held: map[grant]*holder{}, checked: map[int64]time.Time{}, refused: map[int64]refusedAt{}}
}

// of gives the token for g, made when there is none that lasts.
func (t *tokens) of(ctx context.Context, g grant) (token, error) {
	h := t.holder(g)
	select {
	case h.renewing <- struct{}{}:
	case <-ctx.Done():
		return token{}, ctx.Err()
	}
	defer func() { <-h.renewing }()
	if time.Until(h.token.expires) > margin {
		return h.token, nil
	}
	fresh, err := t.issue(ctx, g)
	if err != nil {
		return token{}, err
	}
	h.token = fresh
	return fresh, nil
}

func (t *tokens) holder(g grant) *holder {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.held[g]
	if h == nil {
		h = &holder{renewing: make(chan struct{}, 1)}
		t.held[g] = h
	}
	return h
}

// refuse forgets a token that GitHub did not accept; another one that has replaced it stays.
func (t *tokens) refuse(ctx context.Context, g grant, value string) {
	h := t.holder(g)
	select {
	case h.renewing <- struct{}{}:
	case <-ctx.Done():
		return
	}
	if h.token.value == value {
		h.token = token{}
	}
	<-h.renewing
}

func (t *tokens) issue(ctx context.Context, g grant) (token, error) {
	if err := t.refusal(g.installation); err != nil {
		return token{}, err
	}
	if err := t.check(ctx, g.installation); err != nil {
		return token{}, t.heard(g.installation, err)
	}
	options := &github.InstallationTokenOptions{Permissions: g.job.permissions()}
	if g.repository != 0 {
		options.RepositoryIDs = []int64{g.repository}
	}
	// A token that was made and lost harms nobody, so a lost answer may be asked for again.
	made, _, err := t.app.Apps.CreateInstallationToken(wire.Repeatable(ctx), g.installation, options)
	if err != nil {
		return token{}, t.heard(g.installation, refused(fmt.Sprintf("making a token for installation %d", g.installation), revoked(err)))
	}
	return token{value: made.GetToken(), expires: made.GetExpiresAt().Time}, nil
}

// check holds an installation against the owners that are allowed, once an hour: it can change hands.
func (t *tokens) check(ctx context.Context, installation int64) error {
	t.mu.Lock()
	seen := t.checked[installation]
	t.mu.Unlock()
	if time.Since(seen) < time.Hour {
		return nil
	}
	doing := fmt.Sprintf("reading installation %d", installation)
	found, _, err := t.app.Apps.GetInstallation(ctx, installation)
	if err != nil {
		return refused(doing, revoked(err))
	}
	if !t.owners.allow(found.GetAccount().GetLogin()) {
		return fmt.Errorf("%s: %w: its owner %s is not allowed", doing, forge.ErrForbidden, found.GetAccount().GetLogin())
	}
	t.mu.Lock()
	t.checked[installation] = time.Now()
	t.mu.Unlock()
	return nil
}

// revoked reads the refusal of a token: an installation that is gone or suspended has taken our credentials away, and a repository that is
// no longer among those installed cannot be found.
func revoked(err error) error {
	switch status(err) {
	case http.StatusNotFound, http.StatusForbidden:
		var limited *forge.RateLimited
		if !errors.As(err, &limited) {
			return fmt.Errorf("%w: %w", forge.ErrUnauthorized, err)
		}
	case http.StatusUnprocessableEntity:
		if strings.Contains(strings.ToLower(message(err)), "permission") {
			return fmt.Errorf("%w: %w", forge.ErrForbidden, err)
		}
		return fmt.Errorf("%w: %w", forge.ErrNotFound, err)
	}
	return err
}

// authorised adds the grant's token to each request, and renews it once when GitHub refuses it early.
type authorised struct {
	tokens *tokens
	grant  grant
	next   http.RoundTripper
}

func (a *authorised) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, used, err := a.send(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if req.Body != nil && req.GetBody == nil {
		return resp, nil
	}
	a.tokens.refuse(req.Context(), a.grant, used)
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	resp.Body.Close()
	resp, _, err = a.send(again)
	return resp, err
}

func (a *authorised) send(req *http.Request) (*http.Response, string, error) {
	t, err := a.tokens.of(req.Context(), a.grant)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, "", err
	}
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+t.value)
	resp, err := a.next.RoundTrip(out)
	return resp, t.value, err
}

// finding is an installation that was looked up. It is believed for an hour: an App can be removed and installed anew.
type finding struct {
	installation int64
	at           time.Time
}

// installation that reaches r. Callers that hold a repository from before it was installed leave it open.
func (f *Forge) installation(ctx context.Context, r forge.Repository) (int64, error) {
	if r.Installation != 0 {
		return r.Installation, nil
	}
	f.mu.Lock()
	known := f.found[r.ID]
	f.mu.Unlock()
	if time.Since(known.at) < time.Hour {
		return known.installation, nil
	}
	found, _, err := f.app.Apps.FindRepositoryInstallationByID(ctx, r.ID)
	if err != nil {
		return 0, refused("finding the installation of "+r.FullName(), err)
	}
	f.mu.Lock()
	f.found[r.ID] = finding{found.GetID(), time.Now()}
	f.mu.Unlock()
	return found.GetID(), nil
}
