package settings

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// Repository is a registered repository, or a template of credentials for all whose URL begins with its own.
type Repository struct {
	// Secret is the name of the Secret it was read from.
	Secret string
	URL    string
	Name   string
	// Type is "git", "helm" or "oci".
	Type string
	// Project is the only one that may use it; empty for all.
	Project string

	Username            string
	Password            Hidden
	BearerToken         Hidden
	SSHPrivateKey       Hidden
	ClientCertificate   string // PEM
	ClientKey           Hidden // PEM
	GitHubApp           GitHubApp
	GCPServiceAccount   Hidden
	AzureWorkload       bool
	ForceBasicAuth      bool
	Insecure            bool // TLS certificates are not verified
	InsecureHostKey     bool // SSH host keys are not verified
	Proxy, NoProxy      string
	LFS                 bool
	OCI                 bool // a Helm repository that is an OCI registry
	OCIPlainHTTP        bool
	Depth               int // commits to fetch; 0 is all
	SkipWebhookPreparse bool
}

// GitHubApp are the credentials of a GitHub App.
type GitHubApp struct {
	ID             int64
	InstallationID int64 // 0: found out
	PrivateKey     Hidden
	EnterpriseURL  string
}

// HasCredentials says whether the repository brings credentials of its own: then it inherits none.
func (r Repository) HasCredentials() bool {
	return r.Username != "" || r.Password != "" || r.BearerToken != "" || r.SSHPrivateKey != "" || r.ClientKey != "" ||
		r.GitHubApp.PrivateKey != "" || r.GCPServiceAccount != "" || r.AzureWorkload
}

func decodeRepository(secret *corev1.Secret) (Repository, error) {
	text := func(key string) string { return string(secret.Data[key]) }
	d := &decoder{data: secret.Data}
	r := Repository{
		Secret: secret.Name, URL: text("url"), Name: text("name"), Type: cmp.Or(text("type"), "git"), Project: text("project"),
		Username: text("username"), Password: Hidden(text("password")), BearerToken: Hidden(text("bearerToken")),
		SSHPrivateKey:     Hidden(text("sshPrivateKey")),
		ClientCertificate: text("tlsClientCertData"), ClientKey: Hidden(text("tlsClientCertKey")),
		GitHubApp: GitHubApp{ID: d.number("githubAppID"), InstallationID: d.number("githubAppInstallationID"),
			PrivateKey: Hidden(text("githubAppPrivateKey")), EnterpriseURL: text("githubAppEnterpriseBaseUrl")},
		GCPServiceAccount: Hidden(text("gcpServiceAccountKey")),
		AzureWorkload:     d.flag("useAzureWorkloadIdentity"),
		ForceBasicAuth:    d.flag("forceHttpBasicAuth"),
		Insecure:          d.flag("insecure"), InsecureHostKey: d.flag("insecureIgnoreHostKey"),
		Proxy: text("proxy"), NoProxy: text("noProxy"),
		LFS: d.flag("enableLfs"), OCI: d.flag("enableOCI"), OCIPlainHTTP: d.flag("insecureOCIForceHttp"),
		Depth:               int(d.number("depth")),
		SkipWebhookPreparse: d.flag("webhookManifestCacheWarmDisabled"),
	}
	if r.URL == "" {
		d.errs = append(d.errs, errors.New("url is missing"))
	}
	return r, errors.Join(d.errs...)
}

// decoder reads keys and gathers what is wrong with them.
type decoder struct {
	data map[string][]byte
	errs []error
}

func (d *decoder) flag(key string) bool {
	text := string(d.data[key])
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		d.errs = append(d.errs, fmt.Errorf("%s is neither true nor false", key))
	}
	return value
}

func (d *decoder) number(key string) int64 {
	text := string(d.data[key])
	if text == "" {
		return 0
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < 0 {
		d.errs = append(d.errs, fmt.Errorf("%s is not a number", key))
		return 0
	}
	return value
}
