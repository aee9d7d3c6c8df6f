package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// azureLogin logs in to AKS clusters by Entra ID: with workload identity, a service principal's secret, or the machine's managed
// identity, as AAD_LOGIN_METHOD says (workloadidentity, spn, msi). Who we are may be said by the cluster's secret; which of our
// files is sent where may not, but for the places that Azure has.
type azureLogin struct {
	identity
	own map[string]string // the env of the cluster's secret
}

// aksServer is the application that every AKS cluster's API server is to Entra ID.
const aksServer = "6dae42f8-4368-4678-94ff-3960e28e3630"

// azureClouds are the authorities of the clouds that there are, by AAD_ENVIRONMENT_NAME.
var azureClouds = map[string]string{"": "https://login.microsoftonline.com/", "AzurePublicCloud": "https://login.microsoftonline.com/",
	"AzureUSGovernmentCloud": "https://login.microsoftonline.us/", "AzureChinaCloud": "https://login.partner.microsoftonline.cn/"}

func (a azureLogin) token(ctx context.Context) (token, error) {
	t, err := a.get(ctx)
	if err != nil {
		return token{}, fmt.Errorf("logging in by Azure: %w", err)
	}
	return t, nil
}

// setting is what the cluster's secret says under one of these names, or else our environment.
func (a azureLogin) setting(names ...string) string {
	for _, name := range names {
		if v := a.own[name]; v != "" {
			return v
		}
	}
	for _, name := range names {
		if v := a.env(name); v != "" {
			return v
		}
	}
	return ""
}

func (a azureLogin) get(ctx context.Context) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {aksServer + "/.default"}}
	switch method := a.setting("AAD_LOGIN_METHOD"); method {
	case "", "workloadidentity":
		path, err := a.tokenFile()
		if err != nil {
			return token{}, err
		}
		assertion, err := readToken(path)
		if err != nil {
			return token{}, err
		}
		form.Set("client_id", a.setting("AZURE_CLIENT_ID"))
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	case "spn":
		form.Set("client_id", a.setting("AAD_SERVICE_PRINCIPAL_CLIENT_ID", "AZURE_CLIENT_ID"))
		form.Set("client_secret", a.setting("AAD_SERVICE_PRINCIPAL_CLIENT_SECRET", "AZURE_CLIENT_SECRET"))
	case "msi":
		query := url.Values{"api-version": {"2018-02-01"}, "resource": {aksServer}}
		if id := a.setting("AZURE_CLIENT_ID"); id != "" {
			query.Set("client_id", id)
		}
		host := a.env("AZURE_POD_IDENTITY_AUTHORITY_HOST")
		if host == "" {
			host = "http://169.254.169.254"
		}
		return a.oauth(ctx, strings.TrimSuffix(host, "/")+"/metadata/identity/oauth2/token?"+query.Encode(), nil, http.Header{"Metadata": {"true"}})
	default:
		return token{}, fmt.Errorf("AAD_LOGIN_METHOD %q is none of workloadidentity, spn, msi", method)
	}
	authority, err := a.authority()
	if err != nil {
		return token{}, err
	}
	return a.oauth(ctx, authority+url.PathEscape(a.setting("AZURE_TENANT_ID"))+"/oauth2/v2.0/token", form, nil)
}

// tokenFile is the file of our service account's token.
func (a azureLogin) tokenFile() (string, error) {
	path := a.setting("AZURE_FEDERATED_TOKEN_FILE")
	switch {
	case path == "":
		return "", errors.New("AZURE_FEDERATED_TOKEN_FILE is not set: our service account has no workload identity")
	case path != a.env("AZURE_FEDERATED_TOKEN_FILE") && path != azureTokenFile:
		return "", errors.New("AZURE_FEDERATED_TOKEN_FILE of the cluster's secret is another than our own")
	}
	return path, nil
}

// azureTokenFile is where Azure's webhook puts it.
const azureTokenFile = "/var/run/secrets/azure/tokens/azure-identity-token"

// authority is who gives tokens, with a slash at its end.
func (a azureLogin) authority() (string, error) {
	host := a.own["AZURE_AUTHORITY_HOST"]
	if host == "" {
		host = a.env("AZURE_AUTHORITY_HOST")
	}
	if host == "" {
		host = azureClouds[a.setting("AAD_ENVIRONMENT_NAME")]
	}
	host = strings.TrimSuffix(host, "/") + "/"
	known := []string{strings.TrimSuffix(a.env("AZURE_AUTHORITY_HOST"), "/") + "/"}
	for _, cloud := range azureClouds {
		known = append(known, cloud)
	}
	if host == "/" || !slices.Contains(known, host) {
		return "", errors.New("AZURE_AUTHORITY_HOST or AAD_ENVIRONMENT_NAME is none of Azure's")
	}
	return host, nil
}
