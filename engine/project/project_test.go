package project

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

func permits(spec argo.AppProjectSpec, scope Scope) Permits {
	p := &argo.AppProject{Spec: spec}
	p.Name = "team"
	return New(p, scope)
}

func TestSource(t *testing.T) {
	for name, c := range map[string]struct {
		repos  []string
		scoped []string
		url    string
		want   bool
	}{
		"nothing listed permits nothing":              {nil, nil, "https://forge.example/a/b", false},
		"a lone star permits all":                     {[]string{"*"}, nil, "https://forge.example/a/b", true},
		"a star stops at a slash":                     {[]string{"https://forge.example/*"}, nil, "https://forge.example/a/b", false},
		"a star matches one segment":                  {[]string{"https://forge.example/a/*"}, nil, "https://forge.example/a/b", true},
		"two stars cross slashes":                     {[]string{"https://forge.example/**"}, nil, "https://forge.example/a/b", true},
		"suffix .git and case do not matter":          {[]string{"https://Forge.example/A/b.git"}, nil, "https://forge.example/a/B/", true},
		"scp form is the ssh form":                    {[]string{"git@forge.example:a/b"}, nil, "ssh://git@forge.example/a/b.git", true},
		"ssh is not https":                            {[]string{"git@forge.example:a/b"}, nil, "https://forge.example/a/b", false},
		"denial wins over permission":                 {[]string{"*", "!https://forge.example/a/*"}, nil, "https://forge.example/a/b", false},
		"denial wins in front too":                    {[]string{"!https://forge.example/a/*", "*"}, nil, "https://forge.example/a/b", false},
		"denials only permit the rest":                {[]string{"!https://forge.example/a/*"}, nil, "https://forge.example/c/d", true},
		"denying everything denies everything":        {[]string{"*", "!*"}, nil, "https://forge.example/c/d", false},
		"a malformed permission matches nothing":      {[]string{"https://[forge"}, nil, "https://[forge", false},
		"a malformed denial denies":                   {[]string{"*", "![x"}, nil, "https://forge.example/c/d", false},
		"a repository registered for the project":     {nil, []string{"https://forge.example/own"}, "https://forge.example/own.git", true},
		"a registered repository can still be denied": {[]string{"!https://forge.example/*"}, []string{"https://forge.example/own"}, "https://forge.example/own", false},
		"an empty URL is never permitted":             {[]string{"*"}, nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := permits(argo.AppProjectSpec{SourceRepos: c.repos}, Scope{Repositories: c.scoped})
			if got := p.Source(c.url); got != c.want {
				t.Errorf("Source(%q) with %q = %v", c.url, c.repos, got)
			}
		})
	}
}

func TestDestination(t *testing.T) {
	type lines = []argo.ApplicationDestination
	staging := Destination{Server: "https://staging.example", Name: "staging", Namespace: "shop"}
	prod := Destination{Server: "https://prod.example/", Name: "prod", Namespace: "shop"}
	for name, c := range map[string]struct {
		lines lines
		to    Destination
		want  bool
	}{
		"nothing listed permits nothing":        {nil, prod, false},
		"stars":                                 {lines{{Server: "*", Namespace: "*"}}, prod, true},
		"by server, slash at the end or not":    {lines{{Server: "https://prod.example", Namespace: "shop"}}, prod, true},
		"by name":                               {lines{{Name: "prod", Namespace: "sh*"}}, prod, true},
		"another namespace":                     {lines{{Name: "prod", Namespace: "bank"}}, prod, false},
		"server or name is enough":              {lines{{Server: "https://other", Name: "prod", Namespace: "*"}}, prod, true},
		"a star crosses dots and slashes":       {lines{{Server: "https*example", Namespace: "*"}}, Destination{Server: "https://prod.example", Namespace: "x"}, true},
		"an empty cluster in a line is nothing": {lines{{Namespace: "*"}}, prod, false},
		"a denied namespace":                    {lines{{Server: "*", Namespace: "*"}, {Server: "*", Namespace: "!shop"}}, prod, false},
		"a denied namespace leaves others":      {lines{{Server: "*", Namespace: "!kube-system"}}, prod, true},
		"a denied server":                       {lines{{Server: "*", Namespace: "*"}, {Server: "!https://prod.example", Namespace: "*"}}, prod, false},
		"a denied server leaves others":         {lines{{Server: "!https://prod.example", Namespace: "*"}}, staging, true},
		"a denied server in another namespace":  {lines{{Server: "*", Namespace: "*"}, {Server: "!https://prod.example", Namespace: "bank"}}, prod, true},
		"a denied name whatever its namespace":  {lines{{Server: "*", Namespace: "*"}, {Name: "!prod", Namespace: "bank"}}, prod, false},
		"denial comes before permission":        {lines{{Server: "*", Name: "!prod", Namespace: "*"}}, prod, false},
		"a destination known by half":           {lines{{Server: "*", Namespace: "*"}, {Name: "!prod", Namespace: "*"}}, Destination{Server: "https://prod.example", Namespace: "shop"}, false},
		"a malformed denial denies":             {lines{{Server: "*", Namespace: "*"}, {Name: "![", Namespace: "*"}}, prod, false},
		"no namespace against a star":           {lines{{Server: "*", Namespace: "*"}}, Destination{Server: "https://prod.example"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := permits(argo.AppProjectSpec{Destinations: c.lines}, Scope{}).Destination(c.to); got != c.want {
				t.Errorf("Destination(%v) with %v = %v", c.to, c.lines, got)
			}
		})
	}
}

func TestClustersRegisteredForTheProject(t *testing.T) {
	scope := Scope{Clusters: []ScopedCluster{{Server: "https://own.example/", Name: "own", Namespaces: []string{"a", "b"}}}}
	own := permits(argo.AppProjectSpec{}, scope)
	if !own.Destination(Destination{Server: "https://own.example", Name: "own", Namespace: "a"}) {
		t.Error("a cluster registered for the project is not permitted")
	}
	if own.Destination(Destination{Server: "https://own.example", Name: "own", Namespace: "c"}) {
		t.Error("a namespace beyond those of the registered cluster is permitted")
	}
	only := permits(argo.AppProjectSpec{
		Destinations:                    []argo.ApplicationDestination{{Server: "*", Namespace: "*"}},
		PermitOnlyProjectScopedClusters: true,
	}, scope)
	if only.Destination(Destination{Server: "https://other.example", Name: "other", Namespace: "a"}) {
		t.Error("a cluster of all projects is permitted")
	}
	if !only.Destination(Destination{Server: "https://own.example", Name: "own", Namespace: "c"}) {
		t.Error("the project's cluster is refused")
	}
}

func TestKind(t *testing.T) {
	deployment := schema.GroupKind{Group: "apps", Kind: "Deployment"}
	namespace := schema.GroupKind{Kind: "Namespace"}
	type gk = []metav1.GroupKind
	type cluster = []argo.ClusterResourceRestrictionItem
	for name, c := range map[string]struct {
		spec       argo.AppProjectSpec
		kind       schema.GroupKind
		namespaced bool
		name       string
		want       bool
	}{
		"namespaced, no list":              {argo.AppProjectSpec{}, deployment, true, "web", true},
		"namespaced, empty whitelist":      {argo.AppProjectSpec{NamespaceResourceWhitelist: gk{}}, deployment, true, "web", false},
		"namespaced, listed":               {argo.AppProjectSpec{NamespaceResourceWhitelist: gk{{Group: "apps", Kind: "*"}}}, deployment, true, "web", true},
		"namespaced, not listed":           {argo.AppProjectSpec{NamespaceResourceWhitelist: gk{{Group: "batch", Kind: "*"}}}, deployment, true, "web", false},
		"namespaced, blacklisted":          {argo.AppProjectSpec{NamespaceResourceBlacklist: gk{{Group: "*", Kind: "Deployment"}}}, deployment, true, "web", false},
		"cluster, no list":                 {argo.AppProjectSpec{}, namespace, false, "shop", false},
		"cluster, listed":                  {argo.AppProjectSpec{ClusterResourceWhitelist: cluster{{Group: "*", Kind: "*"}}}, namespace, false, "shop", true},
		"cluster, the core group is empty": {argo.AppProjectSpec{ClusterResourceWhitelist: cluster{{Group: "", Kind: "Namespace"}}}, namespace, false, "shop", true},
		"cluster, listed by name":          {argo.AppProjectSpec{ClusterResourceWhitelist: cluster{{Kind: "Namespace", Name: "shop-*"}}}, namespace, false, "shop-a", true},
		"cluster, listed by other name":    {argo.AppProjectSpec{ClusterResourceWhitelist: cluster{{Kind: "Namespace", Name: "shop-*"}}}, namespace, false, "kube-system", false},
		"cluster, blacklisted": {argo.AppProjectSpec{ClusterResourceWhitelist: cluster{{Group: "*", Kind: "*"}},
			ClusterResourceBlacklist: cluster{{Kind: "Namespace", Name: "kube-*"}}}, namespace, false, "kube-system", false},
		"a malformed pattern matches nothing": {argo.AppProjectSpec{NamespaceResourceWhitelist: gk{{Group: "[", Kind: "*"}}}, deployment, true, "web", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := permits(c.spec, Scope{}).Kind(c.kind, c.namespaced, c.name); got != c.want {
				t.Errorf("Kind(%v) = %v", c.kind, got)
			}
		})
	}
}

func TestObjectSaysWhyNot(t *testing.T) {
	p := permits(argo.AppProjectSpec{Destinations: []argo.ApplicationDestination{{Server: "https://a", Namespace: "shop"}}}, Scope{})
	at := Destination{Server: "https://a", Name: "a", Namespace: "shop"}
	for want, id := range map[string]object.ID{
		"": {Kind: "ConfigMap", Namespace: "shop", Name: "x"},
		"namespace bank is not permitted in project 'team'": {Kind: "ConfigMap", Namespace: "bank", Name: "x"},
	} {
		if got := p.Object(id, true, at); got != want {
			t.Errorf("Object(%v) = %q, want %q", id, got, want)
		}
	}
	want := "resource rbac.authorization.k8s.io:ClusterRole is not permitted in project team"
	if got := p.Object(object.ID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "x"}, false, at); got != want {
		t.Errorf("got %q", got)
	}
}

func TestSourceNamespace(t *testing.T) {
	p := permits(argo.AppProjectSpec{SourceNamespaces: []string{"team-*", "/^ops[0-9]$/", "/[/", "!x"}}, Scope{})
	for ns, want := range map[string]bool{"argocd": true, "": true, "team-a": true, "ops1": true, "ops12": false, "other": false} {
		if got := p.SourceNamespace(ns, "argocd"); got != want {
			t.Errorf("SourceNamespace(%q) = %v", ns, got)
		}
	}
}

func TestCheckSpeaksAsArgoCDDoes(t *testing.T) {
	app := &argo.Application{Spec: argo.ApplicationSpec{
		Source:      &argo.ApplicationSource{RepoURL: "https://forge.example/a/b", Path: "."},
		Destination: argo.ApplicationDestination{Server: "https://kubernetes.default.svc", Namespace: "shop"},
	}}
	proj := &argo.AppProject{}
	proj.Name = "team"
	want := []Violation{
		{"spec.source.repoURL", "application repo https://forge.example/a/b is not permitted in project 'team'"},
		{"spec.destination", "application destination server 'https://kubernetes.default.svc' and namespace 'shop' " +
			"do not match any of the allowed destinations in project 'team'"},
	}
	if diff := cmp.Diff(want, Check(app, proj)); diff != "" {
		t.Error(diff)
	}
	if found := Check(app, Default("argocd")); len(found) != 0 {
		t.Errorf("the default project refuses: %v", found)
	}
}

func TestSpecSaysWhatIsMissing(t *testing.T) {
	at := argo.ApplicationDestination{Name: "prod"}
	for want, spec := range map[string]argo.ApplicationSpec{
		"":                                {Destination: at, Source: &argo.ApplicationSource{RepoURL: "https://x", Path: "."}},
		"either spec.source.path":         {Destination: at, Source: &argo.ApplicationSource{RepoURL: "https://x"}},
		"spec.source.repoURL and either":  {Destination: at},
		"targetRevision is required":      {Destination: at, Source: &argo.ApplicationSource{RepoURL: "https://x", Chart: "c"}},
		"or source.ref are required":      {Destination: at, Sources: argo.ApplicationSources{{RepoURL: "https://x"}}},
		"exclude each other":              {Destination: at, Source: &argo.ApplicationSource{RepoURL: "https://x", Chart: "c", Path: "p", TargetRevision: "1"}},
		"can't have both name and server": {Destination: argo.ApplicationDestination{Name: "a", Server: "b"}, Source: &argo.ApplicationSource{RepoURL: "https://x", Path: "."}},
		"Destination server missing":      {Source: &argo.ApplicationSource{RepoURL: "https://x", Path: "."}},
	} {
		found := Spec(&spec)
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.Contains(found[0].Message, want)) {
			t.Errorf("want %q, got %v", want, found)
		}
	}
}

func FuzzSourceNeverWidens(f *testing.F) {
	f.Add("https://forge.example/*", "https://forge.example/a")
	f.Add("[", "x")
	f.Fuzz(func(t *testing.T, pattern, url string) {
		denied := permits(argo.AppProjectSpec{SourceRepos: []string{"*", "!" + strings.TrimLeft(pattern, "!")}}, Scope{})
		allowed := permits(argo.AppProjectSpec{SourceRepos: []string{strings.TrimLeft(pattern, "!")}}, Scope{})
		if allowed.Source(url) && denied.Source(url) {
			t.Errorf("%q permits %q, and denying it does too", pattern, url)
		}
	})
}
