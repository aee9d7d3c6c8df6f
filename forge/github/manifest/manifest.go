// Package manifest registers Slipway as a GitHub App in one click, by GitHub's manifest flow: it has the browser hand GitHub the App's
// manifest, takes the App's identity in when GitHub sends the browser back, and sees that deliveries arrive. It is used once, before there is
// a river.
package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// example is the host that the manifest's addresses have before it is filled in.
const example = "https://slipway.example.com"

// Identity is what an App is known by. All of it but the names is secret.
type Identity struct {
	ID            int64
	Slug          string
	Owner         string // the login of the account that it belongs to
	HTMLURL       string
	PrivateKey    string // PEM
	WebhookSecret string
	ClientID      string
	ClientSecret  string
	// API is the address of the GitHub that it is on; empty for github.com.
	API string
}

// The names under which an Identity is kept.
const (
	keyID, keyPrivate, keyHook = "app-id", "private-key.pem", "webhook-secret"
	keyClient, keyClientSecret = "client-id", "client-secret"
	keySlug, keyOwner, keyAPI  = "slug", "owner", "github-url"
)

// Entries are an identity as the entries of a Secret, or as files.
func (i Identity) Entries() map[string]string {
	all := map[string]string{keyID: strconv.FormatInt(i.ID, 10), keyPrivate: i.PrivateKey, keyHook: i.WebhookSecret,
		keyClient: i.ClientID, keyClientSecret: i.ClientSecret, keySlug: i.Slug, keyOwner: i.Owner, keyAPI: i.API}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}

// Read is the identity in the entries of a Secret. What it cannot do without is refused by name.
func Read(entries map[string][]byte) (Identity, error) {
	text := func(name string) string { return strings.TrimSpace(string(entries[name])) }
	for _, name := range []string{keyID, keyPrivate, keyHook} {
		if text(name) == "" {
			return Identity{}, fmt.Errorf("it has no %s", name)
		}
	}
	id, err := strconv.ParseInt(text(keyID), 10, 64)
	if err != nil {
		return Identity{}, fmt.Errorf("its %s %q is no number", keyID, text(keyID))
	}
	return Identity{ID: id, PrivateKey: text(keyPrivate) + "\n", WebhookSecret: text(keyHook), ClientID: text(keyClient), ClientSecret: text(keyClientSecret),
		Slug: text(keySlug), Owner: text(keyOwner), API: text(keyAPI)}, nil
}

// fill is what an App's manifest is filled in with.
type fill struct {
	name     string // "" keeps the manifest's
	url      string // where GitHub and people reach Slipway, without a slash at the end
	redirect string // where GitHub sends the browser afterwards
}

// filled is the manifest as GitHub takes it.
func filled(template []byte, f fill) (string, error) {
	var manifest map[string]any
	if err := yaml.Unmarshal(template, &manifest); err != nil {
		return "", fmt.Errorf("reading the App's manifest: %w", err)
	}
	placed, _ := place(manifest, f.url).(map[string]any)
	if f.name != "" {
		placed["name"] = f.name
	}
	placed["redirect_url"] = f.redirect
	text, err := json.Marshal(placed)
	if err != nil {
		return "", fmt.Errorf("writing the App's manifest: %w", err)
	}
	return string(text), nil
}

// place puts an address in the place of the example's.
func place(v any, address string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, example, address)
	case []any:
		for i := range v {
			v[i] = place(v[i], address)
		}
	case map[string]any:
		for k := range v {
			v[k] = place(v[k], address)
		}
	}
	return v
}

// Address checks the address at which Slipway is reached, and takes the slash off its end.
func Address(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the address of Slipway is a plain https URL, such as https://slipway.example.com")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u.String(), nil
}
