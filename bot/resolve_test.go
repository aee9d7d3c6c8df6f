package bot

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

func list(all []reach) string {
	var s []string
	for _, r := range all {
		s = append(s, r.name())
	}
	return strings.Join(s, " ")
}

func target(text string) command.Target {
	return command.Parse("/sync "+text, command.Options{})[0].Targets[0]
}

func TestChoose(t *testing.T) {
	all := []reach{
		{app: application("web-staging", nil), environment: "staging"},
		{app: application("api-staging", nil), environment: "staging"},
		{app: application("web-prod", func(a *argo.Application) { a.Spec.Destination.Name = "us" }), environment: "prod"},
		{app: application("twin", nil)},
		{app: application("twin", func(a *argo.Application) { a.Namespace = "team-b" })},
		{app: application("prod", nil)}, // an application that is called like an environment
	}
	for _, c := range []struct{ targets, want, refusal string }{
		{"staging", "argocd/web-staging argocd/api-staging", ""},
		{"prod", "argocd/web-prod", ""},
		{"app:prod", "argocd/prod", ""},
		{"app:web-prod", "argocd/web-prod", ""},
		{"cluster:us", "argocd/web-prod", ""},
		{"app:team-b/twin", "team-b/twin", ""},
		{"web-prod", "", `"web-prod" is none`},       // an application is not an environment
		{"app:staging", "", `"app:staging" is none`}, // nor the other way round
		{"cluster:prod", "", `"cluster:prod" is none`},
		{"app:twin", "", "app:argocd/twin, app:team-b/twin"},
		{"dev", "", "Environments: prod, staging"},
	} {
		t.Run(c.targets, func(t *testing.T) {
			got, refusal := choose(all, []command.Target{target(c.targets)})
			if list(got) != c.want || !strings.Contains(refusal, c.refusal) || (refusal == "") != (c.refusal == "") {
				t.Errorf("got %q (%q), want %q (%q)", list(got), refusal, c.want, c.refusal)
			}
		})
	}
	if _, refusal := choose(nil, []command.Target{target("staging")}); !strings.Contains(refusal, "changes no application") {
		t.Errorf("nothing to choose from: %q", refusal)
	}
	if got, refusal := choose(all, []command.Target{target("staging"), target("app:web-prod"), target("app:web-staging")}); refusal != "" || len(got) != 3 {
		t.Errorf("several targets: %q (%q)", list(got), refusal)
	}
}

func TestReachableAreOnlyApplicationsOfThisRepositoryThatTheReportShows(t *testing.T) {
	report := &slipway.Report{Base: merged, Head: headA, Applications: []slipway.ReportedApplication{
		{Namespace: "argocd", Name: "ours", Environment: "staging"}, {Namespace: "argocd", Name: "theirs"},
		{Namespace: "argocd", Name: "chart"}, {Namespace: "argocd", Name: "relabelled", Environment: "dev"}, {Namespace: "argocd", Name: "not there"},
	}}
	v := looking(func(v *visit) {
		v.apps = []*argo.Application{
			application("ours", func(a *argo.Application) { a.Labels["environment"] = "staging" }),
			// A pull request of a stranger's repository may name it in a report's application, but it has no source there.
			application("theirs", func(a *argo.Application) { a.Spec.Source.RepoURL = "https://forge.example/other/infra.git" }),
			application("chart", func(a *argo.Application) { a.Spec.Source.Chart = "web" }),
			// The environment is what the cluster says now, whatever stood in the report.
			application("relabelled", func(a *argo.Application) { a.Labels["environment"] = "prod" }),
			application("not in the report", nil),
		}
	})
	got, err := v.reachable(t.Context(), report, policy.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if list(got) != "argocd/ours argocd/relabelled" || got[0].environment != "staging" || got[1].environment != "prod" {
		t.Errorf("reachable: %s (%+v)", list(got), got)
	}
	if got, err := v.reachable(t.Context(), nil, policy.Policy{}); err != nil || len(got) != 0 {
		t.Errorf("without a report: %s, %v", list(got), err)
	}
}

func TestFollows(t *testing.T) {
	for name, c := range map[string]struct {
		source argo.ApplicationSource
		base   string
		want   bool
	}{
		"the base branch":              {argo.ApplicationSource{TargetRevision: "main"}, "main", true},
		"its full name":                {argo.ApplicationSource{TargetRevision: "refs/heads/main"}, "main", true},
		"HEAD, the default branch":     {argo.ApplicationSource{TargetRevision: "HEAD"}, "main", true},
		"nothing said":                 {argo.ApplicationSource{}, "main", true},
		"HEAD, another branch":         {argo.ApplicationSource{TargetRevision: "HEAD"}, "release", false},
		"another branch":               {argo.ApplicationSource{TargetRevision: "release"}, "main", false},
		"a tag":                        {argo.ApplicationSource{TargetRevision: "v1.2.3"}, "main", false},
		"a chart":                      {argo.ApplicationSource{Chart: "x"}, "main", false},
		"another repository":           {argo.ApplicationSource{RepoURL: "https://forge.example/team/other"}, "main", false},
		"a branch that ends like that": {argo.ApplicationSource{TargetRevision: "team/main"}, "main", false},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(func(v *visit) { v.pull.Base.Name = c.base })
			if c.source.RepoURL == "" {
				c.source.RepoURL = "https://forge.example/team/shop.git"
			}
			if got := v.follows(c.source); got != c.want {
				t.Errorf("follows %v, want %v", got, c.want)
			}
		})
	}
}
