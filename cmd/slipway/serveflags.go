package main

import (
	"runtime"
	"time"

	"github.com/spf13/pflag"
)

// sections are the options of serve, under the titles that its help page has.
func (o *serveOptions) sections() []section {
	return []section{
		{"Whom and what it serves", o.servedFlags},
		{"GitHub", o.githubFlags},
		{"GitLab", o.gitlabFlags},
		{"Addresses and pages", o.facesFlags},
		{"What it may reach", o.reachFlags},
		{"Memory, disk and processes", o.roomFlags},
		{"Times and limits", o.timesFlags},
		{"Logs", o.logsFlags},
	}
}

func (o *serveOptions) servedFlags(f *pflag.FlagSet) {
	f.StringVar(&o.config, "config", "", "a YAML file of these options, without the dashes; the command line and the environment (SLIPWAY_ALLOW_OWNER for --allow-owner) go before it")
	f.StringSliceVar(&o.allowOwners, "allow-owner", nil, "an account (organisation, user or group) whose repositories are served; installations of others are ignored (repeatable; needed)")
	f.StringVar(&o.namespace, "control-namespace", "", "where Applications, projects and Slipway's own resources are (default the pod's namespace, else argocd)")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the way to the management cluster (default the pod's own, else the usual kubeconfig)")
	f.StringVar(&o.engine, "engine", engineOwn, "who carries syncs out: slipway, or argocd, beside whose controller Slipway is the bot alone (syncs before the merge and locks then bind only applications without automated sync)")
	f.StringSliceVar(&o.appNamespaces, "application-namespaces", nil, "a namespace, a glob such as team-* or a regular expression between slashes, whose Applications count beside those of the control namespace, as projects permit by sourceNamespaces; beside application.namespaces of argocd-cmd-params-cm (repeatable)")
	f.StringSliceVar(&o.setNamespaces, "applicationset-namespaces", nil, "a namespace, a glob or a regular expression between slashes, whose ApplicationSets count beside those of the control namespace; what they make counts by --application-namespaces; beside applicationsetcontroller.namespaces of argocd-cmd-params-cm (repeatable)")
	f.StringVar(&o.githubName, "mention", "slipway", "the name by which people address the bot: @slipway sync")
	f.BoolVar(&o.previews, "previews", true, "decide which pull requests of served repositories have environments of their own: by labels, commands and the policy; false leaves that to the ApplicationSets alone")
	f.BoolVar(&o.checkImages, "check-images", true, "ask registries whether they have the images that pull requests bring, with what is registered for them in repository secrets")
}

func (o *serveOptions) githubFlags(f *pflag.FlagSet) {
	f.StringVar(&o.githubSecret, "github-secret", "", "the Secret of the control namespace with the GitHub App's identity, as slipway setup github makes it, in place of files; while it is not there, a page at "+setupPath+" registers an App (the log has its key)")
	f.StringVar(&o.githubURL, "github-url", "", "the address of GitHub's API, such as https://ghe.example.com/api/v3/ (default github.com)")
	f.StringVar(&o.githubAppIDFile, "github-app-id-file", "", "the file with the GitHub App's numeric id; without it GitHub is not served")
	f.StringVar(&o.githubKeyFile, "github-private-key-file", "", "the file with the GitHub App's private key, in PEM")
	f.StringVar(&o.githubHookFile, "github-webhook-secret-file", "", "the file with the secret that signs GitHub's deliveries; there is no running without one")
	f.StringVar(&o.githubClientIDFile, "github-client-id-file", "", "the file with the GitHub App's client id, by which people sign in to the pages; its callback URL is --public-url with /signin/callback")
	f.StringVar(&o.githubClientSecretFile, "github-client-secret-file", "", "the file with a client secret of the GitHub App")
}

func (o *serveOptions) gitlabFlags(f *pflag.FlagSet) {
	f.StringVar(&o.gitlabURL, "gitlab-url", "", "the address of GitLab, such as https://gitlab.example.com; without it GitLab is not served")
	f.StringVar(&o.gitlabTokenFile, "gitlab-token-file", "", "the file with the bot account's access token")
	f.StringVar(&o.gitlabGitFile, "gitlab-git-token-file", "", "the file with a token that may only read repositories, for git (default the bot account's token, which can do more)")
	f.StringVar(&o.gitlabHook, "gitlab-webhook-token-file", "", "the file with the secret token of GitLab's webhooks")
	f.StringVar(&o.gitlabSigningFile, "gitlab-signing-token-file", "", "the file with the signing token (whsec_...) of GitLab's webhooks, preferred to the secret token")
	f.StringVar(&o.gitlabApplicationIDFile, "gitlab-application-id-file", "", "the file with the id of an application of GitLab (scope read_user), by which people sign in to the pages")
	f.StringVar(&o.gitlabApplicationSecretFile, "gitlab-application-secret-file", "", "the file with the secret of that application")
}

func (o *serveOptions) facesFlags(f *pflag.FlagSet) {
	f.StringVar(&o.publicURL, "public-url", "", "the https address at which people reach --listen, such as https://slipway.example.com: serves the pages that comments and checks link to (default none)")
	f.StringVar(&o.listen, "listen", ":8080", "where deliveries are taken in, POST /webhook/github and /webhook/gitlab, and pages are served")
	f.StringVar(&o.probes, "probes", ":8081", "where /healthz and /readyz answer")
	f.StringVar(&o.metrics, "metrics", ":8082", "where /metrics answers; 0 for nowhere")
	f.StringVar(&o.sessionKeyFile, "session-key-file", "", "the file with the key that seals sessions of the pages, 32 characters or more; further lines are older keys that still open them (default one that comes of the client secret)")
	f.StringSliceVar(&o.trustProxies, "trust-proxy", nil, "a network of proxies, such as 10.0.0.0/8, that say in X-Forwarded-For where a request of the pages comes from, for limits (repeatable; default none)")
	f.StringSliceVar(&o.metricLabels, "metrics-application-labels", nil, "a label of Applications that becomes a label of argocd_app_labels (repeatable; default none)")
	f.StringSliceVar(&o.metricConditions, "metrics-application-conditions", nil, "a type of Applications' conditions that argocd_app_condition counts, such as SyncError (repeatable; default none)")
	f.StringSliceVar(&o.metricSetLabels, "metrics-applicationset-labels", nil, "a label of ApplicationSets that becomes a label of argocd_appset_labels (repeatable; default none)")
}

func (o *serveOptions) reachFlags(f *pflag.FlagSet) {
	f.StringVar(&o.caFile, "ca-file", "", "certificates in PEM that are trusted beside the system's, for forges and git")
	f.StringSliceVar(&o.allowAddresses, "allow-address", nil, "a network, such as 127.0.0.0/8, that may be dialled although it is loopback or link-local (repeatable)")
	f.StringSliceVar(&o.loginPrograms, "cluster-login-program", nil, "a command, as execProviderConfig of a cluster's secret names it, that may be run for a token; AWS, Google and Azure need none (repeatable; default none)")
	f.StringSliceVar(&o.partialFetch, "partial-fetch", nil, "a repository, or the beginning of the URLs of several such as https://github.com/acme, or *, whose contents of files are fetched only when they are read, a folder at a time; for those so large that a first fetch takes minutes (repeatable; default none)")
}

func (o *serveOptions) roomFlags(f *pflag.FlagSet) {
	f.StringVar(&o.cacheDir, "cache-dir", "", "where mirrors and renders are kept; all of it can be made again (default the user's cache folder)")
	f.Int64Var(&o.mirrorDisk, "mirror-disk", 12<<30, "bytes of the cache folder that mirrors may take, least recently used ones going first, to be fetched again when they are asked for; 0 is no limit")
	f.Int64Var(&o.renderCache, "render-cache", 1<<30, "bytes of the cache folder that renders may take, least recently used ones going first; 0 keeps them in memory only. Renders with Secrets are never written")
	f.IntVar(&o.workers, "render-workers", max(2, runtime.GOMAXPROCS(0)), "renderer processes, for trusted and for untrusted heads each")
	f.Int64Var(&o.renderMemory, "render-memory", 1<<30, "bytes of memory that a renderer may use before it is ended")
	f.IntVar(&o.controllerWorkers, "application-workers", 16, "applications that are reconciled at once")
	f.IntVar(&o.setWorkers, "applicationset-workers", 4, "ApplicationSets that are looked at at once")
	f.IntVar(&o.botWorkers, "pull-request-workers", 8, "pull requests that are looked at at once")
}

func (o *serveOptions) timesFlags(f *pflag.FlagSet) {
	f.DurationVar(&o.reconcileTimeout, "reconcile-every", 0, "how often an application is compared when nothing tells of a change; up to half as much is added at random (default what timeout.reconciliation and .jitter of argocd-cm say, else 2m and up to 1m)")
	f.DurationVar(&o.follow, "follow", 10*time.Minute, "how long an application is followed after a sync until it is healthy")
	f.DurationVar(&o.sweep, "sweep", 5*time.Minute, "time between two searches for deliveries that were missed")
	f.DurationVar(&o.renderTimeout, "render-timeout", 30*time.Second, "how long one render may take")
	f.DurationVar(&o.shutdown, "shutdown", 30*time.Second, "how long running work may take to end on SIGTERM")
	f.IntVar(&o.setDeleteLimit, "applicationset-delete-limit", 10, "applications of one ApplicationSet that are deleted at once without a person's word, which is the annotation slipway.dev/allow-deletions; -1 for no limit")
	f.BoolVar(&o.leaderElect, "leader-elect", true, "reconcile in one replica at a time; every replica takes deliveries in")
}

func (o *serveOptions) logsFlags(f *pflag.FlagSet) {
	f.StringVar(&o.logFormat, "log-format", "json", "json or text")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}
