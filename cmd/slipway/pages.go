package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/slipway-cd/slipway/bot"
	"github.com/slipway-cd/slipway/bot/web"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/github"
	"github.com/slipway-cd/slipway/forge/gitlab"
)

// page is the address of a pull request's page, with %s for its resource's name; "" without pages.
func (o *serveOptions) page() string {
	if o.publicURL == "" {
		return ""
	}
	return strings.ReplaceAll(strings.TrimRight(o.publicURL, "/"), "%", "%%") + "/pull/%s"
}

type pagesDeps struct {
	bot    *bot.Bot
	engine engine
	forges *forges
	log    *slog.Logger
}

// openPages makes the pages' handler; nil where no public address is given.
func openPages(mgr manager.Manager, o *serveOptions, d pagesDeps) (http.Handler, error) {
	if o.publicURL == "" {
		return nil, nil
	}
	if len(d.forges.visitors) == 0 {
		return nil, errors.New("--public-url: people need a way to sign in: --github-client-id-file and --github-client-secret-file (or both in the Secret of --github-secret), or the same of --gitlab-application")
	}
	keys, err := sessionKeys(o.sessionKeyFile, d.forges.clientSecret)
	if err != nil {
		return nil, err
	}
	var proxies []netip.Prefix
	for _, s := range o.trustProxies {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("--trust-proxy %q: %w", s, err)
		}
		proxies = append(proxies, p)
	}
	handler, err := web.New(web.Deps{
		Client: countedClient{mgr.GetClient(), counted{mgr.GetClient(), d.engine.counts, o.setsCount}}, Reports: d.bot, Clusters: pageClusters{d.engine.pipeline}, Sites: d.forges.visitors, Log: d.log,
		Served: func(ctx context.Context, cloneURL string) (forge.Repository, bool, error) {
			r, ok, err := d.forges.find(ctx, cloneURL)
			return r.repository, ok, err
		},
		Options: web.Options{URL: o.publicURL, Keys: keys, Namespace: o.namespace, Proxies: proxies, Version: version},
	})
	if err != nil {
		return nil, fmt.Errorf("--public-url: %w", err)
	}
	return handler, nil
}

// sessionKeys are the lines of a file, the first of which seals; without a file there is one that comes of the client's secret, which all
// replicas have and nobody else.
func sessionKeys(path, clientSecret string) ([][]byte, error) {
	if path == "" {
		return [][]byte{derive([]byte(clientSecret), "sessions of the pages")}, nil
	}
	text, err := secretFile("session-key-file", path)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, []byte(line))
		}
	}
	return keys, nil
}

// addVisitors lets people sign in by the GitHub App, where its client is given.
func (f *forges) addVisitors(o *serveOptions, client *github.Forge, host string) error {
	if o.githubClientIDFile == "" && o.identified.entries["github-client-id-file"] == "" {
		return nil
	}
	id, err := o.secretOf("github-client-id-file", o.githubClientIDFile)
	if err != nil {
		return err
	}
	secret, err := o.secretOf("github-client-secret-file", o.githubClientSecretFile)
	if err != nil {
		return err
	}
	in, err := client.SignIn(strings.TrimSpace(id), strings.TrimSpace(secret))
	if err != nil {
		return err
	}
	f.clientSecret = secret
	f.visitors = append(f.visitors, web.Site{Kind: forge.GitHub, Host: host, SignIn: in, Access: client})
	return nil
}

// addGitLabVisitors lets people sign in by an application of GitLab, where one is given.
func (f *forges) addGitLabVisitors(o *serveOptions, options gitlab.Options, client *gitlab.Forge) error {
	if o.gitlabApplicationIDFile == "" {
		return nil
	}
	id, err := secretFile("gitlab-application-id-file", o.gitlabApplicationIDFile)
	if err != nil {
		return err
	}
	secret, err := secretFile("gitlab-application-secret-file", o.gitlabApplicationSecretFile)
	if err != nil {
		return err
	}
	in, err := gitlab.NewSignIn(options, strings.TrimSpace(id), strings.TrimSpace(secret))
	if err != nil {
		return err
	}
	f.clientSecret = cmp.Or(f.clientSecret, secret)
	f.visitors = append(f.visitors, web.Site{Kind: forge.GitLab, Host: webHost(o.gitlabURL, "gitlab.com"), SignIn: in, Access: client})
	return nil
}

// pageClusters tells the pages of an application's objects, as far as its project permits them.
type pageClusters struct{ pipeline *change.Pipeline }

func (p pageClusters) Objects(ctx context.Context, app *argo.Application) (web.Objects, error) {
	nodes, err := p.pipeline.Tree(ctx, app)
	var unreadable *cluster.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return web.Objects{}, err
	}
	var out web.Objects
	if unreadable != nil {
		out.Unreadable = fmt.Sprintf("%d kinds", len(unreadable.Kinds))
	}
	index := map[object.ID]int{}
	for i, n := range nodes {
		node := web.Node{Group: n.ID.Group, Kind: n.ID.Kind, Namespace: n.ID.Namespace, Name: n.ID.Name, Parent: -1, Created: n.Created}
		if parent, ok := index[n.Parent]; ok {
			node.Parent = parent
		}
		if n.Health != nil {
			node.Health, node.Reason = string(n.Health.Status), n.Health.Message
		}
		index[n.ID] = i
		out.Nodes = append(out.Nodes, node)
	}
	return out, nil
}

func (p pageClusters) Events(ctx context.Context, app *argo.Application) ([]web.Event, error) {
	events, err := p.pipeline.Events(ctx, app)
	out := make([]web.Event, 0, len(events))
	for _, e := range events {
		out = append(out, web.Event{Object: e.Object.String(), Reason: e.Reason, Message: e.Message, Warning: e.Warning, Count: e.Count, Last: e.Last})
	}
	return out, err
}

func (p pageClusters) Logs(ctx context.Context, app *argo.Application, r web.LogRequest) (web.Log, error) {
	u, err := p.pipeline.Pod(ctx, app, r.Namespace, r.Pod)
	if errors.Is(err, change.ErrNotOurs) || apierrors.IsNotFound(err) {
		return web.Log{}, web.ErrNotThere
	}
	if err != nil {
		return web.Log{}, err
	}
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &pod); err != nil {
		return web.Log{}, fmt.Errorf("reading pod %s: %w", r.Pod, err)
	}
	log := web.Log{Containers: containers(pod), Container: r.Container}
	if log.Container == "" && len(pod.Spec.Containers) > 0 {
		log.Container = pod.Spec.Containers[0].Name
	}
	known := false
	for _, c := range log.Containers {
		known = known || c.Name == log.Container
	}
	if !known {
		return web.Log{}, web.ErrNotThere
	}
	text, err := p.pipeline.Logs(ctx, app, r.Namespace, r.Pod, cluster.LogOptions{Container: log.Container, Previous: r.Previous, Lines: r.Lines})
	var answer apierrors.APIStatus
	switch {
	case errors.Is(err, change.ErrNotOurs):
		return web.Log{}, web.ErrNotThere
	case errors.As(err, &answer): // the API server has answered, and the words may be anybody's
		log.Refused = "The cluster has no log to read now" + because(apierrors.ReasonForError(err)) + ". The container may not have started or been restarted yet, or its node does not answer."
		return log, nil
	case err != nil:
		return web.Log{}, err
	}
	log.Text = string(text)
	return log, nil
}

// because is a reason in brackets, where there is one.
func because(reason metav1.StatusReason) string {
	if reason == metav1.StatusReasonUnknown {
		return ""
	}
	return " (" + string(reason) + ")"
}

// containers of a pod with their states.
func containers(pod corev1.Pod) []web.Container {
	states := map[string]corev1.ContainerStatus{}
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		states[s.Name] = s
	}
	var out []web.Container
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		s := states[c.Name]
		one := web.Container{Name: c.Name, Restarts: s.RestartCount}
		switch {
		case s.State.Running != nil:
			one.State = "running"
		case s.State.Terminated != nil:
			one.State = "ended"
		case s.State.Waiting != nil:
			one.State = "waiting"
		}
		out = append(out, one)
	}
	return out
}
