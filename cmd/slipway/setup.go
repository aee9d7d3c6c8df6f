package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	slipwayapp "github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/forge/github/manifest"
)

// setupPath is where the pages of the registration are.
const setupPath = "/setup"

// setupOptions are the options of setup github.
type setupOptions struct {
	url, organization, name  string
	githubURL, caFile        string
	namespace, secret        string
	kubeconfig, output, addr string
	replace                  bool
}

func setupCommand() *cobra.Command {
	var o setupOptions
	github := &cobra.Command{
		Use:   "github --url URL",
		Short: "Register Slipway as a GitHub App of your own, in one click",
		Long: `Register Slipway as a GitHub App of your own, in one click.

It opens a page on this machine, from which GitHub is given the App's manifest: permissions, events and addresses, all of which GitHub shows
before anything is made. What GitHub answers, the App's id, key and webhook secret, is kept as a Secret of the cluster, where slipway serve reads
it, or as files. At last GitHub's first delivery is waited for.`,
		Example: `  slipway setup github --url https://slipway.example.com --organization acme
  slipway setup github --url https://slipway.example.com --github-url https://ghe.example.com/api/v3/ --output ./app`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fill(cmd, ""); err != nil {
				return err
			}
			return setupGitHub(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := github.Flags()
	f.StringVar(&o.url, "url", "", "the address at which GitHub and people reach Slipway, such as https://slipway.example.com (needed)")
	f.StringVar(&o.organization, "organization", "", "the organisation that the App is to belong to (default your own account)")
	f.StringVar(&o.name, "name", "", "the App's name, which has to be free on GitHub (default slipway; GitHub lets you change it)")
	f.StringVar(&o.githubURL, "github-url", "", "the address of GitHub's API, such as https://ghe.example.com/api/v3/ (default github.com)")
	f.StringVar(&o.caFile, "ca-file", "", "certificates in PEM that are trusted beside the system's")
	f.StringVar(&o.namespace, "control-namespace", "argocd", "the namespace that the Secret is made in")
	f.StringVar(&o.secret, "secret", "slipway-github", "the Secret's name")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the way to the cluster (default the usual kubeconfig)")
	f.StringVar(&o.output, "output", "", "write files into this folder, instead of a Secret")
	f.StringVar(&o.addr, "listen", "127.0.0.1:0", "where the page is, for your browser alone")
	f.BoolVar(&o.replace, "replace", false, "replace the Secret, or the files, of an App that was registered before")
	return family("setup", "Make Slipway known to a forge", github)
}

// setupGitHub serves the pages of the registration until GitHub has delivered.
func setupGitHub(ctx context.Context, o setupOptions, say io.Writer) error {
	if o.url == "" {
		return errors.New("--url is needed: the address at which GitHub reaches Slipway, such as https://slipway.example.com")
	}
	keep, err := o.keeper(ctx)
	if err != nil {
		return err
	}
	pool, err := roots(o.caFile)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	here := "http://" + listener.Addr().String()
	key := rand.Text()
	flow, err := manifest.New(manifest.Options{Template: slipwayapp.App, Path: setupPath, Key: key, URL: o.url, Here: here, Organization: o.organization,
		Name: o.name, API: o.githubURL, Store: keep, HTTP: anywhere(pool)})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: flow, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(say, "Open this in your browser, and press the button:\n\n  %s%s?key=%s\n\n", here, setupPath, key)
	select {
	case <-ctx.Done():
		err = errors.Join(unfinished(flow, say), server.Close())
	case err = <-failed:
	case <-flow.Done():
		i, _ := flow.Identity()
		fmt.Fprintf(say, "%s is registered, and GitHub delivers to it. Install it where it is to work:\n\n  %s/installations/new\n", i.Slug, i.HTMLURL)
		grace, cancel := context.WithTimeout(ctx, 2*time.Second) // the last page is to arrive
		defer cancel()
		err = server.Shutdown(grace)
	}
	return err
}

// unfinished says what is left when somebody ends it before GitHub has delivered.
func unfinished(flow *manifest.Flow, say io.Writer) error {
	i, made := flow.Identity()
	if !made {
		return errors.New("nothing was registered")
	}
	fmt.Fprintf(say, "%s is registered and its identity is kept, but GitHub has not delivered to it yet. %s/advanced lists its deliveries.\n", i.Slug, i.HTMLURL)
	return nil
}

// keeper is where the identity goes: files, or a Secret. That it is free is found out before anything is registered.
func (o setupOptions) keeper(ctx context.Context) (func(context.Context, manifest.Identity) (string, error), error) {
	if o.output != "" {
		if _, err := os.Stat(filepath.Join(o.output, "private-key.pem")); err == nil && !o.replace {
			return nil, fmt.Errorf("%s has an App's key already; --replace writes over it", o.output)
		}
		return o.writeFiles, nil
	}
	cfg, err := kubeConfig(o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("finding the cluster (--output DIR writes files instead): %w", err)
	}
	api, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	_, err = api.CoreV1().Secrets(o.namespace).Get(ctx, o.secret, metav1.GetOptions{})
	switch {
	case err == nil && !o.replace:
		return nil, fmt.Errorf("the Secret %s/%s is there already; --replace writes over it", o.namespace, o.secret)
	case err != nil && !apierrors.IsNotFound(err):
		return nil, fmt.Errorf("looking for the Secret %s/%s: %w", o.namespace, o.secret, err)
	}
	place := secretPlace{api: api, namespace: o.namespace, name: o.secret, replace: o.replace}
	return place.keep, nil
}

func (o setupOptions) writeFiles(_ context.Context, i manifest.Identity) (string, error) {
	if err := os.MkdirAll(o.output, 0o700); err != nil {
		return "", err
	}
	for name, value := range i.Entries() {
		if err := os.WriteFile(filepath.Join(o.output, name), []byte(value), 0o600); err != nil {
			return "", err
		}
	}
	return o.output, nil
}

// secretPlace keeps an identity as a Secret.
type secretPlace struct {
	api             kubernetes.Interface
	namespace, name string
	replace         bool
}

func (p secretPlace) keep(ctx context.Context, i manifest.Identity) (string, error) {
	secrets, where := p.api.CoreV1().Secrets(p.namespace), fmt.Sprintf("the Secret %s/%s", p.namespace, p.name)
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: p.namespace, Labels: map[string]string{"app.kubernetes.io/name": "slipway"}},
		StringData: i.Entries()}
	_, err := secrets.Create(ctx, s, metav1.CreateOptions{FieldManager: "slipway"})
	if apierrors.IsAlreadyExists(err) && p.replace {
		_, err = secrets.Update(ctx, s, metav1.UpdateOptions{FieldManager: "slipway"})
	}
	if err != nil {
		return "", fmt.Errorf("keeping it as %s: %w", where, err)
	}
	return where, nil
}

// writable says whether we may make the Secret: an identity that cannot be kept is lost.
func (p secretPlace) writable(ctx context.Context) (bool, error) {
	review, err := p.api.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: p.namespace, Verb: "create", Resource: "secrets"}}}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("asking whether Secrets may be made in %s: %w", p.namespace, err)
	}
	return review.Status.Allowed, nil
}

// read is the identity in the Secret; false while there is none.
func (p secretPlace) read(ctx context.Context) (manifest.Identity, bool, error) {
	s, err := p.api.CoreV1().Secrets(p.namespace).Get(ctx, p.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return manifest.Identity{}, false, nil
	}
	if err != nil {
		return manifest.Identity{}, false, fmt.Errorf("reading the Secret %s/%s: %w", p.namespace, p.name, err)
	}
	i, err := manifest.Read(s.Data)
	if err != nil {
		return manifest.Identity{}, false, fmt.Errorf("the Secret %s/%s is no GitHub App's: %w", p.namespace, p.name, err)
	}
	return i, true, nil
}

// anywhere is a client of an administrator's own machine: the forge that they name may be anywhere.
func anywhere(pool *x509.CertPool) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // the standard library's own type
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport, Timeout: time.Minute}
}
