package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// token is what opens a cluster, for a while.
type token struct {
	text    string
	expires time.Time
}

// login gets tokens.
type login interface {
	token(ctx context.Context) (token, error)
}

// identity is what the clouds' logins work with: who we are comes from our environment and from services at fixed addresses.
type identity struct {
	env  func(name string) string
	http *http.Client
	now  func() time.Time
}

func newIdentity(env func(string) string) identity {
	if env == nil {
		env = func(string) string { return "" }
	}
	return identity{env: env, now: time.Now, http: &http.Client{Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// mostAnswer bounds an answer of an identity service.
const mostAnswer = 1 << 20

// ask gives the body of a good answer. Errors never hold what was sent or answered, for both hold secrets.
func (i identity) ask(r *http.Request) ([]byte, error) {
	answer, err := i.http.Do(r)
	if err != nil {
		var inside *url.Error
		if errors.As(err, &inside) {
			err = inside.Err // without the address, whose query may hold a secret
		}
		return nil, fmt.Errorf("asking %s: %w", r.URL.Host, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", r.URL.Host, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", r.URL.Host, answer.Status)
	}
	return body, nil
}

func (i identity) read(ctx context.Context, address string, header http.Header) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("the address of an identity service: %w", err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	return i.ask(r)
}

// oauth is the token of an OAuth 2.0 answer to a form, or, without one, to a plain question.
func (i identity) oauth(ctx context.Context, address string, form url.Values, header http.Header) (token, error) {
	var body []byte
	var err error
	if form == nil {
		body, err = i.read(ctx, address, header)
	} else {
		r, newErr := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
		if newErr != nil {
			return token{}, fmt.Errorf("the address of an identity service: %w", newErr)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		body, err = i.ask(r)
	}
	if err != nil {
		return token{}, err
	}
	var answer struct {
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		return token{}, errors.New("the answer holds no token")
	}
	seconds, err := answer.ExpiresIn.Int64()
	if err != nil || seconds <= 0 {
		seconds = 300
	}
	return token{text: answer.AccessToken, expires: i.now().Add(time.Duration(seconds) * time.Second)}, nil
}

// readToken reads a token that the kubelet keeps in a file.
func readToken(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the token of our service account: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// bearer adds a token to every request, and gets another when that one is about to expire or is refused.
type bearer struct {
	login login
	next  http.RoundTripper
	now   func() time.Time

	mu   sync.Mutex
	last token
}

// early is how long before its end a token is replaced.
const early = time.Minute

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	t, err := b.current(r.Context())
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+t.text)
	answer, err := b.next.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusUnauthorized {
		b.mu.Lock()
		if b.last.text == t.text {
			b.last = token{}
		}
		b.mu.Unlock()
	}
	return answer, err
}

func (b *bearer) current(ctx context.Context) (token, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.text != "" && b.now().Add(early).Before(b.last.expires) {
		return b.last, nil
	}
	t, err := b.login.token(ctx)
	if err != nil {
		if b.last.text != "" && b.now().Before(b.last.expires) {
			return b.last, nil // it still opens
		}
		return token{}, err
	}
	b.last = t
	return t, nil
}
