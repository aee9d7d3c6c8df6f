package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// signing signs questions to AWS as "Signature Version 4" of its General Reference says.
type signing struct {
	keys            awsKeys
	region, service string
	now             time.Time
}

const (
	sigAlgorithm = "AWS4-HMAC-SHA256"
	sigTime      = "20060102T150405Z"
	sigDate      = "20060102"
)

func (s signing) scope() string {
	return s.now.UTC().Format(sigDate) + "/" + s.region + "/" + s.service + "/aws4_request"
}

// sign adds the signature of a request with that body to its headers.
func (s signing) sign(r *http.Request, body string) {
	r.Header.Set("X-Amz-Date", s.now.UTC().Format(sigTime))
	if s.keys.session != "" {
		r.Header.Set("X-Amz-Security-Token", s.keys.session)
	}
	headers := map[string]string{"host": r.URL.Host}
	for k, v := range r.Header {
		headers[strings.ToLower(k)] = strings.TrimSpace(strings.Join(v, ","))
	}
	signed := strings.Join(slices.Sorted(maps.Keys(headers)), ";")
	signature := s.signature(r.Method, r.URL, r.URL.Query(), headers, body)
	r.Header.Set("Authorization", sigAlgorithm+" Credential="+s.keys.id+"/"+s.scope()+", SignedHeaders="+signed+", Signature="+signature)
}

// presigned is the address of a GET request that carries its signature itself; who asks has to send those headers along.
func (s signing) presigned(endpoint string, query url.Values, headers map[string]string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("the address of AWS' service: %w", err)
	}
	all := map[string]string{"host": u.Host}
	maps.Copy(all, headers)
	query = maps.Clone(query)
	query.Set("X-Amz-Algorithm", sigAlgorithm)
	query.Set("X-Amz-Credential", s.keys.id+"/"+s.scope())
	query.Set("X-Amz-Date", s.now.UTC().Format(sigTime))
	query.Set("X-Amz-SignedHeaders", strings.Join(slices.Sorted(maps.Keys(all)), ";"))
	if s.keys.session != "" {
		query.Set("X-Amz-Security-Token", s.keys.session)
	}
	signature := s.signature(http.MethodGet, u, query, all, "")
	u.RawQuery = sigQuery(query) + "&X-Amz-Signature=" + signature
	return u.String(), nil
}

func (s signing) signature(method string, u *url.URL, query url.Values, headers map[string]string, body string) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	var lines strings.Builder
	names := slices.Sorted(maps.Keys(headers))
	for _, name := range names {
		lines.WriteString(name + ":" + headers[name] + "\n")
	}
	canonical := strings.Join([]string{method, path, sigQuery(query), lines.String(), strings.Join(names, ";"), sigHash(body)}, "\n")
	text := strings.Join([]string{sigAlgorithm, s.now.UTC().Format(sigTime), s.scope(), sigHash(canonical)}, "\n")
	key := []byte("AWS4" + s.keys.secret)
	for _, part := range []string{s.now.UTC().Format(sigDate), s.region, s.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part)) // never fails
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// sigQuery is the query as it is signed: sorted, and a space is %20.
func sigQuery(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }

func sigHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
