package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"k8s.io/client-go/rest"

	"github.com/slipway-cd/slipway/engine/settings"
)

// The example of AWS' own test suite for signatures ("get-vanilla").
func TestSignatures(t *testing.T) {
	now := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	s := signing{keys: awsKeys{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, region: "us-east-1", service: "service", now: now}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.amazonaws.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.sign(r, "")
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, " +
		"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// clouds stands for the identity services, each path one.
type clouds struct {
	*httptest.Server
	answers map[string]string // by method and path
	asked   []string
	forms   []url.Values
	headers []http.Header
}

func newClouds(t *testing.T, answers map[string]string) *clouds {
	t.Helper()
	c := &clouds{answers: answers}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		c.asked = append(c.asked, r.Method+" "+r.URL.Path+" "+r.Form.Get("Action"))
		c.forms = append(c.forms, r.Form)
		c.headers = append(c.headers, r.Header)
		answer, ok := c.answers[strings.TrimSpace(c.asked[len(c.asked)-1])]
		if !ok {
			http.Error(w, "HUSH", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(c.Close)
	return c
}

func environment(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func inFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func keysXML(id string) string {
	return "<AResponse><AResult><Credentials><AccessKeyId>" + id + "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>session-" + id +
		"</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AResult></AResponse>"
}

func TestAWSLogins(t *testing.T) {
	file := inFile(t, "web-token\n")
	profiles := inFile(t, "[other]\naws_access_key_id = no\n[mine]\naws_access_key_id = PROFILE\naws_secret_access_key = s\n")
	answers := map[string]string{
		"POST / AssumeRoleWithWebIdentity": keysXML("WEB"), "POST / AssumeRole": keysXML("ROLE"),
		"GET /pod":              `{"AccessKeyId":"POD","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}`,
		"PUT /latest/api/token": "imds", "GET /latest/meta-data/iam/security-credentials/": "node",
		"GET /latest/meta-data/iam/security-credentials/node": `{"AccessKeyId":"NODE","SecretAccessKey":"s","Token":"t"}`,
	}
	for name, c := range map[string]struct {
		aws  settings.AWS
		env  []string
		want string // the key that signed
	}{
		"keys":           {settings.AWS{ClusterName: "eks"}, []string{"AWS_ACCESS_KEY_ID", "ENV", "AWS_SECRET_ACCESS_KEY", "s"}, "ENV"},
		"a role besides": {settings.AWS{ClusterName: "eks", RoleARN: "arn:role"}, []string{"AWS_ACCESS_KEY_ID", "ENV", "AWS_SECRET_ACCESS_KEY", "s"}, "ROLE"},
		"web identity":   {settings.AWS{ClusterName: "eks"}, []string{"AWS_WEB_IDENTITY_TOKEN_FILE", file, "AWS_ROLE_ARN", "arn:own"}, "WEB"},
		"a pod's":        {settings.AWS{ClusterName: "eks"}, []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "BASE/pod", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file}, "POD"},
		"the machine's":  {settings.AWS{ClusterName: "eks"}, []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "BASE"}, "NODE"},
		"a profile's":    {settings.AWS{ClusterName: "eks", Profile: "mine"}, []string{"AWS_SHARED_CREDENTIALS_FILE", profiles}, "PROFILE"},
		"nothing":        {settings.AWS{ClusterName: "eks"}, []string{"AWS_EC2_METADATA_DISABLED", "true"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sts := newClouds(t, answers)
			env := append([]string{"AWS_ENDPOINT_URL_STS", sts.URL, "AWS_REGION", "eu-west-1"}, c.env...)
			for i := range env {
				env[i] = strings.Replace(env[i], "BASE", sts.URL, 1)
			}
			got, err := awsLogin{AWS: c.aws, identity: newIdentity(environment(env...))}.token(t.Context())
			if c.want == "" {
				if err == nil {
					t.Error("it logged in as nobody")
				}
				return
			}
			if err != nil {
				t.Fatal(err, sts.asked)
			}
			text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(got.text, "k8s-aws-v1."))
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if q.Get("Action") != "GetCallerIdentity" || q.Get("X-Amz-SignedHeaders") != "host;x-k8s-aws-id" || !strings.HasPrefix(q.Get("X-Amz-Credential"), c.want+"/") ||
				!strings.Contains(q.Get("X-Amz-Credential"), "/eu-west-1/sts/") || len(q.Get("X-Amz-Signature")) != 64 {
				t.Errorf("%s", text)
			}
			if left := time.Until(got.expires); left > 15*time.Minute || left < 10*time.Minute {
				t.Errorf("it is said to last %s", left)
			}
		})
	}
}

func TestAWSRegions(t *testing.T) {
	for server, want := range map[string]string{
		"https://ABC.gr7.eu-central-1.eks.amazonaws.com":       "https://sts.eu-central-1.amazonaws.com/",
		"https://ABC.gr7.us-gov-west-1.eks.amazonaws.com":      "https://sts.us-gov-west-1.amazonaws.com/",
		"https://ABC.yl4.cn-north-1.eks.amazonaws.com.cn":      "https://sts.cn-north-1.amazonaws.com.cn/",
		"https://kubernetes.example.com":                       "https://sts.us-east-1.amazonaws.com/",
		"https://ABC.gr7.ap-southeast-2.eks.amazonaws.com:443": "https://sts.ap-southeast-2.amazonaws.com/",
	} {
		if got := (awsLogin{identity: newIdentity(nil), server: server}).endpoint(); got != want {
			t.Errorf("%s: %s", server, got)
		}
	}
}

func TestGoogleLogins(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	google := newClouds(t, map[string]string{
		"GET /computeMetadata/v1/instance/service-accounts/default/token": `{"access_token":"metadata","expires_in":600}`,
		"POST /token":       `{"access_token":"by key","expires_in":3600}`,
		"POST /exchange":    `{"access_token":"exchanged","expires_in":3600}`,
		"POST /impersonate": `{"accessToken":"impersonated","expireTime":"2099-01-01T00:00:00Z"}`,
	})
	file := func(fields map[string]any) string {
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return inFile(t, string(b))
	}
	source := map[string]any{"file": inFile(t, `{"id":"subject"}`), "format": map[string]any{"type": "json", "subject_token_field_name": "id"}}
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"workload identity of GKE": {[]string{"GCE_METADATA_HOST", strings.TrimPrefix(google.URL, "http://")}, "metadata"},
		"a service account's key": {[]string{"GOOGLE_APPLICATION_CREDENTIALS", file(map[string]any{"type": "service_account", "client_email": "e", "private_key": private,
			"private_key_id": "k", "token_uri": google.URL + "/token"})}, "by key"},
		"federation": {[]string{"GOOGLE_APPLICATION_CREDENTIALS", file(map[string]any{"type": "external_account", "audience": "a", "token_url": google.URL + "/exchange",
			"credential_source": source})}, "exchanged"},
		"federation and a service account": {[]string{"GOOGLE_APPLICATION_CREDENTIALS", file(map[string]any{"type": "external_account", "audience": "a", "token_url": google.URL + "/exchange",
			"credential_source": source, "service_account_impersonation_url": google.URL + "/impersonate"})}, "impersonated"},
		"a person's": {[]string{"GOOGLE_APPLICATION_CREDENTIALS", file(map[string]any{"type": "authorized_user"})}, ""},
	} {
		got, err := gcpLogin{newIdentity(environment(c.env...))}.token(t.Context())
		if got.text != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q %v", name, got.text, err)
		}
	}
	for _, form := range google.forms {
		if form.Get("subject_token") != "" && form.Get("subject_token") != "subject" {
			t.Errorf("%v", form)
		}
		if statement := form.Get("assertion"); statement != "" {
			if _, err := jwt.Parse(statement, func(*jwt.Token) (any, error) { return &key.PublicKey, nil }); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAzureLogins(t *testing.T) {
	answer := `{"access_token":"entra","expires_in":"3600"}`
	entra := newClouds(t, map[string]string{"POST /tenant/oauth2/v2.0/token": answer, "GET /metadata/identity/oauth2/token": answer})
	file := inFile(t, "assertion")
	base := []string{"AZURE_AUTHORITY_HOST", entra.URL, "AZURE_TENANT_ID", "tenant", "AZURE_FEDERATED_TOKEN_FILE", file, "AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.URL}
	for name, c := range map[string]struct {
		own  map[string]string
		form map[string]string // that was sent; nil if nothing may be
	}{
		"workload identity":   {map[string]string{"AZURE_CLIENT_ID": "c"}, map[string]string{"client_id": "c", "client_assertion": "assertion", "scope": aksServer + "/.default"}},
		"a service principal": {map[string]string{"AAD_LOGIN_METHOD": "spn", "AAD_SERVICE_PRINCIPAL_CLIENT_ID": "p", "AAD_SERVICE_PRINCIPAL_CLIENT_SECRET": "s"}, map[string]string{"client_id": "p", "client_secret": "s"}},
		"a managed identity":  {map[string]string{"AAD_LOGIN_METHOD": "msi", "AZURE_CLIENT_ID": "m"}, map[string]string{"client_id": "m", "resource": aksServer}},
		"our token elsewhere": {map[string]string{"AZURE_CLIENT_ID": "c", "AZURE_AUTHORITY_HOST": "https://thief.example.com"}, nil},
		"another of our files": {map[string]string{"AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/etc/passwd"},
			nil},
		"an unknown way": {map[string]string{"AAD_LOGIN_METHOD": "devicecode"}, nil},
	} {
		entra.forms = nil
		got, err := azureLogin{identity: newIdentity(environment(base...)), own: c.own}.token(t.Context())
		if c.form == nil {
			if err == nil || len(entra.forms) > 0 {
				t.Errorf("%s: %v, and %v was sent", name, err, entra.forms)
			}
			continue
		}
		if err != nil || got.text != "entra" || time.Until(got.expires) < 50*time.Minute {
			t.Errorf("%s: %+v %v", name, got, err)
			continue
		}
		for k, v := range c.form {
			if entra.forms[0].Get(k) != v {
				t.Errorf("%s: %s is %q", name, k, entra.forms[0].Get(k))
			}
		}
	}
}

func TestIdentityServicesAreNotQuoted(t *testing.T) {
	service := newClouds(t, nil)
	_, err := newIdentity(nil).oauth(t.Context(), service.URL+"/x?HUSH=HUSH", url.Values{"secret": {"HUSH"}}, nil)
	if err == nil || strings.Contains(err.Error(), "HUSH") {
		t.Error(err)
	}
	service.Close()
	if _, err = newIdentity(nil).oauth(t.Context(), service.URL+"/x?HUSH=HUSH", nil, nil); err == nil || strings.Contains(err.Error(), "HUSH") {
		t.Error(err)
	}
}

type loginFunc func(context.Context) (token, error)

func (f loginFunc) token(ctx context.Context) (token, error) { return f(ctx) }

func TestTokensAreRenewed(t *testing.T) {
	now := time.Unix(1000, 0)
	given, refused := 0, ""
	var fails error
	b := &bearer{now: func() time.Time { return now },
		login: loginFunc(func(context.Context) (token, error) {
			given++
			return token{text: fmt.Sprint("t", given), expires: now.Add(10 * time.Minute)}, fails
		}),
		next: roundTripper(func(r *http.Request) (*http.Response, error) {
			code := http.StatusOK
			if r.Header.Get("Authorization") == "Bearer "+refused {
				code = http.StatusUnauthorized
			}
			return &http.Response{StatusCode: code, Header: r.Header}, nil
		})}
	call := func() (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := b.RoundTrip(r)
		if err != nil {
			return "", err
		}
		return answer.Header.Get("Authorization"), nil
	}
	expect := func(what, want string) {
		t.Helper()
		if got, err := call(); got != "Bearer "+want {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	expect("at first", "t1")
	expect("while it lasts", "t1")
	now = now.Add(9*time.Minute + time.Second)
	expect("shortly before its end", "t2")
	refused = "t2"
	expect("refused", "t2")
	expect("after that", "t3")
	now, fails = now.Add(9*time.Minute+time.Second), errors.New("no")
	expect("while no other is to be had", "t3")
	now = now.Add(time.Minute)
	if _, err := call(); err == nil {
		t.Error("a token that is over was used")
	}
}

func TestWaysToLogIn(t *testing.T) {
	program := func(command string, args ...string) settings.Cluster {
		return settings.Cluster{Server: "https://x", Access: settings.Access{Program: &settings.Program{Command: command, Args: args}}}
	}
	w := ways{identity: newIdentity(nil), programs: []string{"/usr/bin/allowed"}}
	for name, c := range map[string]struct {
		from settings.Cluster
		want string
	}{
		"AWS":                   {settings.Cluster{Access: settings.Access{AWS: &settings.AWS{}}}, "cluster.awsLogin"},
		"Argo CD's for AWS":     {program("argocd-k8s-auth", "aws", "--cluster-name", "c", "--role-arn=r"), "cluster.awsLogin"},
		"Argo CD's for GCP":     {program("/usr/local/bin/argocd-k8s-auth", "gcp"), "cluster.gcpLogin"},
		"Argo CD's for Azure":   {program("argocd-k8s-auth", "azure"), "cluster.azureLogin"},
		"Argo CD's for nothing": {program("argocd-k8s-auth"), "error"},
		"Argo CD's for another": {program("argocd-k8s-auth", "oci"), "error"},
		"a program":             {program("/usr/bin/allowed"), "<nil>"},
	} {
		way, err := w.login(c.from)
		got := fmt.Sprintf("%T", way)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if l, _ := w.login(program("argocd-k8s-auth", "aws", "--cluster-name", "c", "--role-arn=r")); l.(awsLogin).ClusterName != "c" || l.(awsLogin).RoleARN != "r" {
		t.Errorf("%+v", l)
	}
	if err := w.program(&rest.Config{}, &settings.Program{Command: "allowed"}); err == nil {
		t.Error("a program of that name somewhere else is allowed")
	}
}
