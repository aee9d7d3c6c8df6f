package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// gcpLogin logs in to GKE clusters with Google's "application default credentials": the file that GOOGLE_APPLICATION_CREDENTIALS names
// (a service account's key, or workload identity federation), else the metadata server, which GKE's workload identity answers.
type gcpLogin struct{ identity }

const gcpScope = "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email"

// gcpFile is what is read of a credentials file.
type gcpFile struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`
	TokenURI     string `json:"token_uri"`

	Audience         string `json:"audience"`
	SubjectTokenType string `json:"subject_token_type"`
	TokenURL         string `json:"token_url"`
	ImpersonationURL string `json:"service_account_impersonation_url"`
	CredentialSource struct {
		File   string `json:"file"`
		Format struct {
			Type  string `json:"type"`
			Field string `json:"subject_token_field_name"`
		} `json:"format"`
	} `json:"credential_source"`
}

func (g gcpLogin) token(ctx context.Context) (token, error) {
	t, err := g.get(ctx)
	if err != nil {
		return token{}, fmt.Errorf("logging in by Google Cloud: %w", err)
	}
	return t, nil
}

func (g gcpLogin) get(ctx context.Context) (token, error) {
	path := g.env("GOOGLE_APPLICATION_CREDENTIALS")
	if path == "" {
		host := g.env("GCE_METADATA_HOST")
		if host == "" {
			host = "metadata.google.internal"
		}
		return g.oauth(ctx, "http://"+host+"/computeMetadata/v1/instance/service-accounts/default/token", nil, http.Header{"Metadata-Flavor": {"Google"}})
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return token{}, fmt.Errorf("reading GOOGLE_APPLICATION_CREDENTIALS: %w", err)
	}
	var file gcpFile
	if err := json.Unmarshal(text, &file); err != nil {
		return token{}, errors.New("the file of GOOGLE_APPLICATION_CREDENTIALS is not JSON of Google's form")
	}
	switch file.Type {
	case "service_account":
		return g.byKey(ctx, file)
	case "external_account":
		return g.federated(ctx, file)
	}
	return token{}, fmt.Errorf("credentials of type %q are for people; use a service account or workload identity", file.Type)
}

// byKey trades a statement signed by a service account's key for a token (RFC 7523).
func (g gcpLogin) byKey(ctx context.Context, file gcpFile) (token, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(file.PrivateKey))
	if err != nil {
		return token{}, errors.New("the service account's key cannot be read")
	}
	now := g.now()
	statement := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": file.ClientEmail, "scope": gcpScope, "aud": file.TokenURI,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	statement.Header["kid"] = file.PrivateKeyID
	signed, err := statement.SignedString(key)
	if err != nil {
		return token{}, errors.New("the service account's key cannot sign")
	}
	return g.oauth(ctx, file.TokenURI, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}}, nil)
}

// federated trades a token of another identity provider for Google's (RFC 8693), and that for a service account's where one is named.
func (g gcpLogin) federated(ctx context.Context, file gcpFile) (token, error) {
	subject, err := subjectToken(file)
	if err != nil {
		return token{}, err
	}
	t, err := g.oauth(ctx, file.TokenURL, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {file.Audience},
		"scope": {gcpScope}, "requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "subject_token_type": {file.SubjectTokenType},
		"subject_token": {subject}}, nil)
	if err != nil || file.ImpersonationURL == "" {
		return t, err
	}
	body, err := json.Marshal(map[string]any{"scope": strings.Fields(gcpScope), "lifetime": "3600s"})
	if err != nil {
		return token{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, file.ImpersonationURL, strings.NewReader(string(body)))
	if err != nil {
		return token{}, errors.New("the address of the service account's tokens cannot be read")
	}
	r.Header.Set("Authorization", "Bearer "+t.text)
	r.Header.Set("Content-Type", "application/json")
	text, err := g.ask(r)
	if err != nil {
		return token{}, err
	}
	var answer struct {
		AccessToken string    `json:"accessToken"`
		ExpireTime  time.Time `json:"expireTime"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.AccessToken == "" {
		return token{}, errors.New("the answer holds no token")
	}
	return token{text: answer.AccessToken, expires: answer.ExpireTime}, nil
}

func subjectToken(file gcpFile) (string, error) {
	if file.CredentialSource.File == "" {
		return "", errors.New("of workload identity federation, only tokens in files are read")
	}
	text, err := readToken(file.CredentialSource.File)
	if err != nil || file.CredentialSource.Format.Type != "json" {
		return text, err
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return "", errors.New("the file with the subject's token is not JSON")
	}
	subject, _ := fields[file.CredentialSource.Format.Field].(string)
	return subject, nil
}
