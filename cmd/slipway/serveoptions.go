package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/engine/source"
)

// serveOptions are the options of serve, as flags, environment and file give them.
type serveOptions struct {
	config string

	listen, probes, metrics string
	kubeconfig              string
	engine                  string
	namespace               string
	cacheDir                string
	leaderElect             bool
	checkImages             bool
	logFormat, logLevel     string
	allowAddresses          []string
	partialFetch            []string
	caFile                  string

	allowOwners []string
	// appNamespaces are globs of further namespaces whose Applications count.
	appNamespaces []string
	// setNamespaces are those whose ApplicationSets count.
	setNamespaces []string
	// loginPrograms are the commands that clusters' registrations may have run.
	loginPrograms []string

	githubURL                                      string
	githubAppIDFile, githubKeyFile, githubHookFile string
	githubName                                     string
	githubSecret                                   string
	identified                                     identified

	publicURL, sessionKeyFile                            string
	githubClientIDFile, githubClientSecretFile           string
	gitlabApplicationIDFile, gitlabApplicationSecretFile string
	trustProxies                                         []string

	gitlabURL                             string
	gitlabTokenFile, gitlabHook           string
	gitlabSigningFile                     string
	gitlabGitFile                         string
	workers                               int
	renderMemory, renderCache, mirrorDisk int64
	renderTimeout, follow, sweep          time.Duration
	reconcileTimeout, shutdown            time.Duration
	controllerWorkers, botWorkers         int
	setWorkers, setDeleteLimit            int
	previews                              bool
	// What of resources becomes series of its own.
	metricLabels, metricSetLabels, metricConditions []string
}

// check finds all that is missing or contradicts itself, before anything is started.
func (o *serveOptions) check() error {
	var wrong []error
	if len(o.allowOwners) == 0 {
		wrong = append(wrong, errors.New("--allow-owner is needed: name the accounts whose repositories are served, here or as allow-owner in the file that --config names"))
	}
	if o.githubAppIDFile == "" && o.githubSecret == "" && o.gitlabURL == "" {
		wrong = append(wrong, errors.New("no forge is configured: --github-secret, --github-app-id-file or --gitlab-url is needed"))
	}
	if o.engine != engineOwn && o.engine != engineArgoCD {
		wrong = append(wrong, fmt.Errorf("--engine %q: slipway or argocd", o.engine))
	}
	if o.publicURL != "" && !strings.HasPrefix(o.publicURL, "https://") {
		wrong = append(wrong, fmt.Errorf("--public-url %q: it begins with https://, as GitHub and browsers reach it through an Ingress with TLS", o.publicURL))
	}
	if _, err := o.logger(); err != nil {
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if o.namespace == "" {
		o.namespace = "argocd"
		if ns := os.Getenv("POD_NAMESPACE"); ns != "" {
			o.namespace = ns
		}
	}
	if o.cacheDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("--cache-dir is needed: %w", err)
		}
		o.cacheDir = dir + "/slipway/serve"
	}
	return nil
}

// rendersDir is where renders are kept, or nowhere.
func (o *serveOptions) rendersDir() string {
	if o.renderCache <= 0 {
		return ""
	}
	return filepath.Join(o.cacheDir, "renders")
}

// appID reads the GitHub App's id.
func (o *serveOptions) appID() (int64, error) {
	text, err := o.secretOf("github-app-id-file", o.githubAppIDFile)
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("--github-app-id-file: %q is no number", text)
	}
	return id, nil
}

// addresses are the networks that may be dialled although they are special.
func (o *serveOptions) addresses() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range o.allowAddresses {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("--allow-address %q: %w", s, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// outside is what may be dialled, and whose certificates are believed there; nil are the system's.
func (o *serveOptions) outside() (gate, *x509.CertPool, error) {
	allowed, err := o.addresses()
	if err != nil {
		return gate{}, nil, err
	}
	pool, err := roots(o.caFile)
	return gate{allowed}, pool, err
}

// partial says whether a repository is fetched in part.
func (o *serveOptions) partial(repoURL string) bool {
	name := source.NormalizeURL(repoURL)
	return slices.ContainsFunc(o.partialFetch, func(prefix string) bool {
		prefix = source.NormalizeURL(prefix)
		return prefix == "*" || name == prefix || strings.HasPrefix(name, strings.TrimRight(prefix, "/")+"/")
	})
}

func (o *serveOptions) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: debug, info, warn or error", o.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: json or text", o.logFormat)
}
