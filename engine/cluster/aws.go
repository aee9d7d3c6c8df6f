package cluster

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/engine/settings"
)

// awsLogin logs in to EKS clusters: the token is a question to AWS' Security Token Service of who we are, signed and not asked, which
// the cluster asks in our place.
type awsLogin struct {
	settings.AWS
	identity
	server string
}

// eksToken is how long EKS takes a token, less a minute for clocks that differ.
const eksToken = 14 * time.Minute

// token makes one. The signature is good for as long as the cluster may take to ask.
func (a awsLogin) token(ctx context.Context) (token, error) {
	keys, err := a.keys(ctx)
	if err != nil {
		return token{}, fmt.Errorf("logging in by AWS: %w", err)
	}
	if a.RoleARN != "" {
		if keys, err = a.assume(ctx, keys); err != nil {
			return token{}, fmt.Errorf("logging in by AWS: taking the role %s: %w", a.RoleARN, err)
		}
	}
	now := a.now()
	question, err := signing{keys: keys, region: a.region(), service: "sts", now: now}.presigned(a.endpoint(), url.Values{
		"Action": {"GetCallerIdentity"}, "Version": {stsVersion}, "X-Amz-Expires": {"60"}}, map[string]string{"x-k8s-aws-id": a.ClusterName})
	if err != nil {
		return token{}, fmt.Errorf("logging in by AWS: %w", err)
	}
	expires := now.Add(eksToken)
	if !keys.expires.IsZero() && keys.expires.Before(expires) {
		expires = keys.expires
	}
	return token{text: "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(question)), expires: expires}, nil
}

const stsVersion = "2011-06-15"

// inHost finds the region in the address of an EKS cluster.
var inHost = regexp.MustCompile(`\.([a-z]{2}(?:-[a-z]+)+-\d)\.eks\.`)

func (a awsLogin) region() string {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if r := a.env(name); r != "" {
			return r
		}
	}
	if m := inHost.FindStringSubmatch(a.server); m != nil {
		return m[1]
	}
	return "us-east-1"
}

// endpoint is where the Security Token Service of our region is.
func (a awsLogin) endpoint() string {
	if e := a.env("AWS_ENDPOINT_URL_STS"); e != "" {
		return strings.TrimSuffix(e, "/") + "/"
	}
	domain := "amazonaws.com"
	if strings.HasPrefix(a.region(), "cn-") {
		domain += ".cn"
	}
	return "https://sts." + a.region() + "." + domain + "/"
}

// awsKeys are credentials; expires is zero for those that do not.
type awsKeys struct {
	id, secret, session string
	expires             time.Time
}

// keys are who we are to AWS, by the first of these that is there: a profile where the cluster names one, the environment, the web
// identity of our service account, the container's credentials (ECS, EKS Pod Identity), and the machine's.
func (a awsLogin) keys(ctx context.Context) (awsKeys, error) {
	switch {
	case a.Profile != "":
		return a.fromProfile()
	case a.env("AWS_ACCESS_KEY_ID") != "":
		return awsKeys{id: a.env("AWS_ACCESS_KEY_ID"), secret: a.env("AWS_SECRET_ACCESS_KEY"), session: a.env("AWS_SESSION_TOKEN")}, nil
	case a.env("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		return a.webIdentity(ctx)
	case a.env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" || a.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "":
		return a.container(ctx)
	case a.env("AWS_EC2_METADATA_DISABLED") == "true":
		return awsKeys{}, errors.New("there are no credentials for AWS")
	}
	return a.machine(ctx)
}

// fromProfile reads keys from the shared credentials file.
func (a awsLogin) fromProfile() (awsKeys, error) {
	path := a.env("AWS_SHARED_CREDENTIALS_FILE")
	if path == "" {
		path = filepath.Join(a.env("HOME"), ".aws", "credentials")
	}
	file, err := os.Open(path)
	if err != nil {
		return awsKeys{}, fmt.Errorf("reading the profile %s: %w", a.Profile, err)
	}
	defer file.Close()
	found := map[string]string{}
	in := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if section, ok := strings.CutPrefix(line, "["); ok {
			in = strings.TrimSuffix(section, "]") == a.Profile
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && in {
			found[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	keys := awsKeys{id: found["aws_access_key_id"], secret: found["aws_secret_access_key"], session: found["aws_session_token"]}
	if keys.id == "" || keys.secret == "" {
		return awsKeys{}, fmt.Errorf("the profile %s has no keys", a.Profile)
	}
	return keys, nil
}

// webIdentity trades the token of our service account for keys (IRSA).
func (a awsLogin) webIdentity(ctx context.Context) (awsKeys, error) {
	assertion, err := readToken(a.env("AWS_WEB_IDENTITY_TOKEN_FILE"))
	if err != nil {
		return awsKeys{}, err
	}
	return a.sts(ctx, awsKeys{}, url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {a.env("AWS_ROLE_ARN")},
		"RoleSessionName": {userAgent}, "WebIdentityToken": {assertion}})
}

func (a awsLogin) assume(ctx context.Context, keys awsKeys) (awsKeys, error) {
	return a.sts(ctx, keys, url.Values{"Action": {"AssumeRole"}, "RoleArn": {a.RoleARN}, "RoleSessionName": {userAgent}})
}

// sts asks the Security Token Service for keys; a question without keys is not signed.
func (a awsLogin) sts(ctx context.Context, keys awsKeys, form url.Values) (awsKeys, error) {
	form.Set("Version", stsVersion)
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint(), strings.NewReader(body))
	if err != nil {
		return awsKeys{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if keys.id != "" {
		signing{keys: keys, region: a.region(), service: "sts", now: a.now()}.sign(r, body)
	}
	text, err := a.ask(r)
	if err != nil {
		return awsKeys{}, err
	}
	var answer struct {
		Credentials []stsCredentials `xml:",any"`
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		return awsKeys{}, errors.New("AWS' answer is not what its documents say")
	}
	for _, result := range answer.Credentials {
		if c := result.Credentials; c.AccessKeyID != "" {
			return awsKeys{id: c.AccessKeyID, secret: c.SecretAccessKey, session: c.SessionToken, expires: c.Expiration}, nil
		}
	}
	return awsKeys{}, errors.New("AWS' answer holds no credentials")
}

type stsCredentials struct {
	Credentials struct {
		AccessKeyID     string    `xml:"AccessKeyId"`
		SecretAccessKey string    `xml:"SecretAccessKey"`
		SessionToken    string    `xml:"SessionToken"`
		Expiration      time.Time `xml:"Expiration"`
	} `xml:"Credentials"`
}

// container asks the agent beside us.
func (a awsLogin) container(ctx context.Context) (awsKeys, error) {
	address := a.env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := a.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); address == "" {
		address = "http://169.254.170.2" + relative
	}
	header := http.Header{}
	if path := a.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
		secret, err := readToken(path)
		if err != nil {
			return awsKeys{}, err
		}
		header.Set("Authorization", secret)
	} else if secret := a.env("AWS_CONTAINER_AUTHORIZATION_TOKEN"); secret != "" {
		header.Set("Authorization", secret)
	}
	return a.jsonKeys(ctx, address, header)
}

// machine asks the instance metadata service, in its second version.
func (a awsLogin) machine(ctx context.Context) (awsKeys, error) {
	base := a.env("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	if base == "" {
		base = "http://169.254.169.254"
	}
	base = strings.TrimSuffix(base, "/") + "/latest/"
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, base+"api/token", nil)
	if err != nil {
		return awsKeys{}, err
	}
	r.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
	session, err := a.ask(r)
	if err != nil {
		return awsKeys{}, fmt.Errorf("there are no credentials for AWS: %w", err)
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {string(session)}}
	role, err := a.read(ctx, base+"meta-data/iam/security-credentials/", header)
	if err != nil {
		return awsKeys{}, fmt.Errorf("there are no credentials for AWS: %w", err)
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(role)), "\n")
	return a.jsonKeys(ctx, base+"meta-data/iam/security-credentials/"+url.PathEscape(name), header)
}

func (a awsLogin) jsonKeys(ctx context.Context, address string, header http.Header) (awsKeys, error) {
	text, err := a.read(ctx, address, header)
	if err != nil {
		return awsKeys{}, err
	}
	var answer struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.AccessKeyID == "" {
		return awsKeys{}, errors.New("AWS' answer holds no credentials")
	}
	return awsKeys{id: answer.AccessKeyID, secret: answer.SecretAccessKey, session: answer.Token, expires: answer.Expiration}, nil
}
