package git

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/url"
)

// Credential is what a remote is shown, and what is particular about the way there. The zero value is anonymous, over a connection
// that is verified. Printing or logging it shows nothing of it.
type Credential struct {
	// Username and Password are sent as HTTP basic authentication with the first request, without waiting to be asked.
	Username, Password string
	// Bearer is a token that is sent as HTTP bearer authentication instead.
	Bearer string
	// SSHKey is a private key without passphrase, as ssh-keygen writes it.
	SSHKey string
	// ClientCertificate and ClientKey, both PEM, are shown to a server that asks for a TLS certificate.
	ClientCertificate, ClientKey string

	// AnyCertificate and AnyHostKey leave the server's TLS certificate or SSH host key unverified.
	AnyCertificate, AnyHostKey bool
	// Proxy is the URL of the HTTP, HTTPS or SOCKS5 proxy that HTTPS goes through, NoProxy the hosts it does not go through it to, as
	// in the environment variable NO_PROXY.
	Proxy, NoProxy string
}

// Auth yields the credential for one conversation with a remote; a nil Auth is anonymous.
type Auth func(ctx context.Context) (Credential, error)

const hidden = "(hidden)"

func (Credential) String() string       { return hidden }
func (Credential) GoString() string     { return hidden }
func (Credential) LogValue() slog.Value { return slog.StringValue(hidden) }

// header is how HTTP carries the credential; empty if it does not.
func (c Credential) header() string {
	switch {
	case c.Bearer != "":
		return "Authorization: Bearer " + c.Bearer
	case c.Username != "" || c.Password != "":
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	}
	return ""
}

// Shows says whether the remote is shown anything that tells who asks.
func (c Credential) Shows() bool {
	return c.header() != "" || c.SSHKey != "" || (c.ClientCertificate != "" && c.ClientKey != "")
}

// secrets are the strings that no message may hold, in the forms in which one could.
func (c Credential) secrets() []string {
	var out []string
	add := func(user, password string) {
		if password == "" && user == "" {
			return
		}
		out = append(out, base64.StdEncoding.EncodeToString([]byte(user+":"+password)), password, url.QueryEscape(password), url.PathEscape(password))
	}
	add(c.Username, c.Password)
	if u, err := url.Parse(c.Proxy); err == nil && u.User != nil {
		password, _ := u.User.Password()
		add(u.User.Username(), password)
	}
	return append(out, c.Bearer, c.SSHKey, c.ClientKey)
}

// Trust is what is known of a host before it is first spoken to.
type Trust struct {
	// KnownHosts are lines as in ssh's known_hosts. A host without a line among them is not spoken to.
	KnownHosts string
	// Certificates, PEM, are what the host's TLS certificate is verified by, instead of the system's; empty for the system's.
	Certificates string
}
