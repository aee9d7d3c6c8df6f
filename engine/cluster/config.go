package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"

	"github.com/slipway-cd/slipway/engine/settings"
)

const userAgent = "slipway"

// restConfig is how a registered cluster is reached. One that is the control plane's own, and says nothing of how to reach it, is
// reached as the control plane reaches it.
func restConfig(c settings.Cluster, inCluster *rest.Config) (*rest.Config, error) {
	if c.Access.Unsupported != "" {
		return nil, errors.New(c.Access.Unsupported)
	}
	var config *rest.Config
	if c.Server == settings.InClusterServer && c.Access.BearerToken == "" && c.Access.Username == "" && len(c.Access.TLS.Cert) == 0 {
		if inCluster == nil {
			return nil, errors.New("there is no way to the control plane's own cluster")
		}
		config = rest.CopyConfig(inCluster)
	} else {
		var err error
		if config, err = remoteConfig(c); err != nil {
			return nil, err
		}
	}
	config.UserAgent = userAgent
	config.Timeout = 0 // watches have no end; every call has a deadline of its own
	config.QPS = -1    // see limit: the server says when it is too much
	config.WarningHandlerWithContext = warnings{}
	limits := &limit{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return limits.around(next) })
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
