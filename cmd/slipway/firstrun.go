package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	slipwayapp "github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/forge/github/manifest"
)

// identified is what serve knows of its GitHub App that no file says.
type identified struct {
	// entries are those of the Secret, by the options that name files of the same.
	entries map[string]string
	// flow is the pages of a registration that was done in this process, whose last one is still looked at.
	flow http.Handler
}

// github says whether GitHub is served.
func (o *serveOptions) github() bool {
	return o.githubAppIDFile != "" || o.identified.entries["github-app-id-file"] != ""
}

// secretOf is a secret by its option: from the file that was named, else from the Secret.
func (o *serveOptions) secretOf(option, path string) (string, error) {
	if given := o.identified.entries[option]; given != "" && path == "" {
		return given, nil
	}
	return secretFile(option, path)
}

// identify reads the GitHub App's identity from the Secret that --github-secret names. While there is none it shows a page that registers an
// App, and waits for that, or for the Secret to come by other ways.
func (o *serveOptions) identify(ctx context.Context, cfg *rest.Config, log *slog.Logger) error {
	if o.githubAppIDFile != "" || o.githubSecret == "" {
		return nil
	}
	api, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	place := secretPlace{api: api, namespace: o.namespace, name: o.githubSecret}
	i, found, err := place.read(ctx)
	if err == nil && !found && o.gitlabURL == "" {
		i, err = o.firstRun(ctx, place, log)
		found = true
	}
	if err != nil {
		return err
	}
	if !found {
		log.Warn("GitHub is not served: its App's Secret is not there", "namespace", o.namespace, "secret", o.githubSecret)
		return nil
	}
	entries := i.Entries()
	o.identified.entries = map[string]string{
		"github-app-id-file": entries["app-id"], "github-private-key-file": entries["private-key.pem"], "github-webhook-secret-file": entries["webhook-secret"],
		"github-client-id-file": entries["client-id"], "github-client-secret-file": entries["client-secret"],
	}
	o.githubURL = cmp.Or(o.githubURL, i.API)
	return nil
}

// firstRun serves the page, and probes that are content, until there is an identity.
func (o *serveOptions) firstRun(ctx context.Context, place secretPlace, log *slog.Logger) (manifest.Identity, error) {
	flow, key, err := o.registration(place, log)
	if err != nil {
		return manifest.Identity{}, err
	}
	may, err := place.writable(ctx)
	if err != nil {
		return manifest.Identity{}, err
	}
	mux := http.NewServeMux()
	if may {
		mux.Handle(setupPath, flow)
		mux.Handle(setupPath+"/", flow)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Slipway is not registered with GitHub yet: its log says where to do that.", http.StatusServiceUnavailable)
	})
	stop, err := serveUntil(map[string]http.Handler{o.listen: mux,
		o.probes: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })})
	if err != nil {
		return manifest.Identity{}, err
	}
	if may {
		log.Warn("there is no GitHub App yet: open the page on the address at which Slipway is reached, or run slipway setup github",
			"page", setupPath+"?key="+key, "namespace", place.namespace, "secret", place.name)
	} else {
		log.Warn("there is no GitHub App yet: run slipway setup github; a page for it needs the right to create Secrets (deploy/first-run)",
			"namespace", place.namespace, "secret", place.name)
	}
	i, err := awaited(ctx, place)
	if _, here := flow.Identity(); here {
		o.identified.flow = flow
	}
	return i, errors.Join(err, stop())
}

// registration is the pages that register an App, and the key that opens them.
func (o *serveOptions) registration(place secretPlace, log *slog.Logger) (*manifest.Flow, string, error) {
	out, pool, err := o.outside()
	if err != nil {
		return nil, "", err
	}
	key := rand.Text()
	flow, err := manifest.New(manifest.Options{Template: slipwayapp.App, Path: setupPath, Key: key, API: o.githubURL, URL: o.publicURL, Store: place.keep,
		HTTP: out.client(pool), Log: log})
	return flow, key, err
}

// awaited is the identity as soon as there is one.
func awaited(ctx context.Context, place secretPlace) (manifest.Identity, error) {
	for {
		i, found, err := place.read(ctx)
		if err != nil || found {
			return i, err
		}
		select {
		case <-ctx.Done():
			return i, errors.New("ended before there was a GitHub App")
		case <-time.After(time.Second):
		}
	}
}

// serveUntil serves at addresses until stop is called. An address of "0" is nowhere.
func serveUntil(at map[string]http.Handler) (stop func() error, err error) {
	var servers []*http.Server
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // what is being answered; the caller's own context may have ended
		defer cancel()
		var failed error
		for _, s := range servers {
			if err := s.Shutdown(ctx); err != nil {
				failed = errors.Join(failed, s.Close())
			}
		}
		return failed
	}
	for address, h := range at {
		if address == "0" {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listening at %s: %w", address, err), stop())
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
		servers = append(servers, s)
		go func() { _ = s.Serve(listener) }() // ended by stop
	}
	return stop, nil
}

// withSetup keeps the last page of a registration that was done in this process, beside what is served.
func (o *serveOptions) withSetup(h http.Handler) http.Handler {
	if o.identified.flow == nil {
		return h
	}
	mux := http.NewServeMux()
	mux.Handle(setupPath, o.identified.flow)
	mux.Handle(setupPath+"/", o.identified.flow)
	mux.Handle("/", h)
	return mux
}
