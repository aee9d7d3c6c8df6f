package source

import (
	"net/url"
	"strings"

	"github.com/slipway-cd/slipway/engine/settings"
)

// Registration is what an administrator has registered of a chart repository or registry, with the credentials it inherits.
type Registration struct {
	settings.Repository
	// Known is whether anything is registered for it.
	Known bool
	// Certificates, PEM, are those to verify its host by; empty for those that are trusted anyway.
	Certificates string
}

// RegisteredCharts is Registered for a chart repository or OCI registry. URLs of registries may be written with oci:// or without.
func RegisteredCharts(s settings.Settings, repoURL, project string) Registration {
	name := chartRepository(repoURL)
	r := Registration{Certificates: s.Certificates[host(name)]}
	own, found := pick(s.Repositories, project, func(r settings.Repository) int {
		if chartRepository(r.URL) == name {
			return 1
		}
		return 0
	})
	if found {
		r.Repository, r.Known = own, true
		if own.HasCredentials() {
			return r
		}
	}
	template, templated := pick(s.Credentials, project, func(r settings.Repository) int {
		if prefix := chartRepository(r.URL); strings.HasPrefix(name, prefix) && site(name) == site(prefix) {
			return len(prefix)
		}
		return 0
	})
	if templated {
		r.Repository, r.Known = template, true
		r.Insecure, r.OCIPlainHTTP = own.Insecure, own.OCIPlainHTTP // said of one repository, never inherited
		if own.Proxy != "" {
			r.Proxy, r.NoProxy = own.Proxy, own.NoProxy
		}
	}
	return r
}

// NamedCharts is the URL of the chart repository that is registered by a name: one that belongs to the project before one for all.
func NamedCharts(s settings.Settings, name, project string) (repoURL string, ok bool) {
	r, ok := pick(s.Repositories, project, func(r settings.Repository) int {
		if name != "" && r.Name == name && r.Type != "git" {
			return 1
		}
		return 0
	})
	if ok && r.OCI && isRegistry(r.URL) {
		return "oci://" + withoutScheme(r.URL), true
	}
	return r.URL, ok
}

// anonymous is the registration without what proves who we are.
func (r Registration) anonymous() Registration {
	return Registration{Repository: settings.Repository{Proxy: r.Proxy, NoProxy: r.NoProxy}}
}

// isRegistry says whether a repository URL is that of an OCI registry: it has no scheme, or oci.
func isRegistry(repoURL string) bool {
	return !strings.Contains(repoURL, "://") || strings.HasPrefix(strings.ToLower(repoURL), "oci://")
}

// chartRepository is one spelling for all URLs of a chart repository or registry.
func chartRepository(raw string) string {
	if raw = strings.TrimSpace(raw); isRegistry(raw) {
		return NormalizeURL("oci://" + withoutScheme(raw))
	}
	return NormalizeURL(raw)
}

func withoutScheme(raw string) string {
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		return rest
	}
	return raw
}

func host(normalized string) string {
	u, err := url.Parse(normalized)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
