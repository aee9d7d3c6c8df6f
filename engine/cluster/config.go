package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/slipway-cd/slipway/engine/settings"
)

const userAgent = "slipway"

// ways are what there is to reach clusters with.
type ways struct {
	inCluster *rest.Config
	programs  []string
	identity  identity
}

// restConfig is how a registered cluster is reached. One that is the control plane's own, and says nothing of how to reach it, is
// reached as the control plane reaches it.
func (w ways) restConfig(c settings.Cluster) (*rest.Config, error) {
	var config *rest.Config
	a := c.Access
	if c.Server == settings.InClusterServer && a.BearerToken == "" && a.Username == "" && len(a.TLS.Cert) == 0 && a.Program == nil && a.AWS == nil {
		if w.inCluster == nil {
			return nil, errors.New("there is no way to the control plane's own cluster")
		}
		config = rest.CopyConfig(w.inCluster)
	} else {
		var err error
		if config, err = remoteConfig(c); err != nil {
			return nil, err
		}
		if err = w.logIn(config, c); err != nil {
			return nil, err
		}
	}
	config.UserAgent = userAgent
	config.Timeout = 0 // watches have no end; every call has a deadline of its own
	config.QPS = -1    // see limit: the server says when it is too much
	config.WarningHandlerWithContext = warnings{}
	limits := &limit{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return guarded(limits.around(next)) })
	return config, nil
}

func remoteConfig(c settings.Cluster) (*rest.Config, error) {
	a := c.Access
	config := &rest.Config{
		Host: c.Server, Username: a.Username, Password: string(a.Password), BearerToken: string(a.BearerToken),
		TLSClientConfig: rest.TLSClientConfig{Insecure: a.TLS.Insecure, ServerName: a.TLS.ServerName, CAData: a.TLS.CA,
			CertData: a.TLS.Cert, KeyData: []byte(a.TLS.Key)},
		DisableCompression: a.DisableCompression,
	}
	if a.TLS.Insecure {
		config.CAData = nil // a certificate authority beside "do not verify" is refused as a contradiction
	}
	if a.ProxyURL != "" {
		proxy, err := url.Parse(a.ProxyURL)
		if err != nil {
			return nil, fmt.Errorf("reading its proxyUrl: %w", err)
		}
		config.Proxy = http.ProxyURL(proxy)
	}
	return config, nil
}

// logIn has the connection get its token where the registration names a way to one.
func (w ways) logIn(config *rest.Config, c settings.Cluster) error {
	if config.BearerToken != "" || config.Username != "" {
		return nil
	}
	way, err := w.login(c)
	if err != nil {
		return err
	}
	switch {
	case way != nil:
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return &bearer{login: way, next: next, now: w.identity.now}
		})
	case c.Access.Program != nil:
		return w.program(config, c.Access.Program)
	}
	return nil
}

// cloudLogin is Argo CD's own program, of which we do the work ourselves.
const cloudLogin = "argocd-k8s-auth"

// login is a way that needs no program; nil if there is none.
func (w ways) login(c settings.Cluster) (login, error) {
	p := c.Access.Program
	switch {
	case c.Access.AWS != nil:
		return awsLogin{AWS: *c.Access.AWS, identity: w.identity, server: c.Server}, nil
	case p == nil || path.Base(p.Command) != cloudLogin:
		return nil, nil
	case len(p.Args) == 0:
		return nil, fmt.Errorf("execProviderConfig: %s needs aws, gcp or azure as its first argument", cloudLogin)
	}
	flags := flagsOf(p.Args[1:])
	switch p.Args[0] {
	case "aws":
		return awsLogin{AWS: settings.AWS{ClusterName: flags["cluster-name"], RoleARN: flags["role-arn"], Profile: flags["profile"]}, identity: w.identity, server: c.Server}, nil
	case "gcp":
		return gcpLogin{w.identity}, nil
	case "azure":
		own := map[string]string{}
		for k, v := range p.Env {
			own[k] = string(v)
		}
		return azureLogin{identity: w.identity, own: own}, nil
	}
	return nil, fmt.Errorf("execProviderConfig: %s knows aws, gcp and azure, not %q", cloudLogin, p.Args[0])
}

// flagsOf reads "--name value" and "--name=value".
func flagsOf(args []string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(args); i++ {
		name, value, has := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !has && i+1 < len(args) {
			i++
			value = args[i]
		}
		out[name] = value
	}
	return out
}

// program has a program get the token, if the operator allows that program.
func (w ways) program(config *rest.Config, p *settings.Program) error {
	if !slices.Contains(w.programs, p.Command) {
		return fmt.Errorf("execProviderConfig: the operator does not allow the program %q to be run; give the cluster a bearerToken of a service account", p.Command)
	}
	exec := &clientcmdapi.ExecConfig{Command: p.Command, Args: p.Args, APIVersion: p.APIVersion, InstallHint: p.InstallHint,
		ProvideClusterInfo: true, InteractiveMode: clientcmdapi.NeverExecInteractiveMode}
	for _, name := range slices.Sorted(keys(p.Env)) {
		exec.Env = append(exec.Env, clientcmdapi.ExecEnvVar{Name: name, Value: string(p.Env[name])})
	}
	config.ExecProvider = exec
	return nil
}
