package v1alpha1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSourceList(t *testing.T) {
	one := ApplicationSource{RepoURL: "one"}
	hydrator := SourceHydrator{
		DrySource:  DrySource{RepoURL: "dry", TargetRevision: "main", Path: "src"},
		SyncSource: SyncSource{TargetBranch: "env/prod", Path: "web"},
	}
	elsewhere := hydrator
	elsewhere.SyncSource.RepoURL = "wet"
	cases := []struct {
		name     string
		spec     ApplicationSpec
		want     []ApplicationSource
		multiple bool
	}{
		{"none", ApplicationSpec{}, nil, false},
		{"single", ApplicationSpec{Source: &one}, []ApplicationSource{one}, false},
		{"sources win over source", ApplicationSpec{Source: &one, Sources: ApplicationSources{{RepoURL: "a"}, {RepoURL: "b"}}},
			[]ApplicationSource{{RepoURL: "a"}, {RepoURL: "b"}}, true},
		{"empty sources do not", ApplicationSpec{Source: &one, Sources: ApplicationSources{}}, []ApplicationSource{one}, false},
		{"one of several is still several", ApplicationSpec{Sources: ApplicationSources{one}}, []ApplicationSource{one}, true},
		{"hydrator wins over all", ApplicationSpec{Source: &one, Sources: ApplicationSources{one}, SourceHydrator: &hydrator},
			[]ApplicationSource{{RepoURL: "dry", Path: "web", TargetRevision: "env/prod"}}, false},
		{"hydrator into another repository", ApplicationSpec{SourceHydrator: &elsewhere},
			[]ApplicationSource{{RepoURL: "wet", Path: "web", TargetRevision: "env/prod"}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.spec.SourceList()); diff != "" {
				t.Errorf("sources (-want, +have):\n%s", diff)
			}
			if have := c.spec.HasMultipleSources(); have != c.multiple {
				t.Errorf("HasMultipleSources is %v", have)
			}
		})
	}
}

func TestIsAutomated(t *testing.T) {
	on, off := true, false
	cases := []struct {
		name   string
		policy *SyncPolicy
		want   bool
	}{
		{"no policy", nil, false},
		{"policy without automation", &SyncPolicy{}, false},
		{"present and empty", &SyncPolicy{Automated: &SyncPolicyAutomated{}}, true},
		{"switched on", &SyncPolicy{Automated: &SyncPolicyAutomated{Enabled: &on}}, true},
		{"switched off keeps its settings", &SyncPolicy{Automated: &SyncPolicyAutomated{Enabled: &off, Prune: true}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if have := c.policy.IsAutomated(); have != c.want {
				t.Errorf("have %v", have)
			}
		})
	}
}

func TestSyncOptionsAreComparedAsStrings(t *testing.T) {
	policy := &SyncPolicy{SyncOptions: SyncOptions{"ServerSideApply=true", " Replace=true"}}
	if !policy.Options().Has("ServerSideApply=true") {
		t.Error("an option that is there was not found")
	}
	for _, other := range []string{"ServerSideApply=false", "serversideapply=true", "ServerSideApply", "Replace=true"} {
		if policy.Options().Has(other) {
			t.Errorf("%q was found", other)
		}
	}
	var none *SyncPolicy
	if none.Options().Has("ServerSideApply=true") {
		t.Error("no policy has an option")
	}
}

func TestProjectName(t *testing.T) {
	if have := (&ApplicationSpec{}).ProjectName(); have != "default" {
		t.Errorf("no project is %q", have)
	}
	if have := (&ApplicationSpec{Project: "shop"}).ProjectName(); have != "shop" {
		t.Errorf("shop is %q", have)
	}
}

func TestDestinationString(t *testing.T) {
	for want, destination := range map[string]ApplicationDestination{
		"prod/web":                           {Name: "prod", Namespace: "web"},
		"https://kubernetes.default.svc/web": {Server: "https://kubernetes.default.svc", Namespace: "web"},
		"prod":                               {Name: "prod"},
	} {
		if have := destination.String(); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

func TestOperationPhases(t *testing.T) {
	for phase, want := range map[OperationPhase][3]bool{ // running, completed, successful
		"":                   {false, false, false},
		OperationRunning:     {true, false, false},
		OperationTerminating: {true, false, false},
		OperationFailed:      {false, true, false},
		OperationError:       {false, true, false},
		OperationSucceeded:   {false, true, true},
	} {
		if have := [3]bool{phase.Running(), phase.Completed(), phase.Successful()}; have != want {
			t.Errorf("%q: running, completed, successful are %v, want %v", phase, have, want)
		}
	}
}

func TestApplicationsSyncPolicy(t *testing.T) {
	for policy, want := range map[ApplicationsSyncPolicy][2]bool{ // update, delete
		"":                                 {true, true},
		ApplicationsSyncPolicySync:         {true, true},
		ApplicationsSyncPolicyCreateOnly:   {false, false},
		ApplicationsSyncPolicyCreateUpdate: {true, false},
		ApplicationsSyncPolicyCreateDelete: {false, true},
		"unknown":                          {false, false},
	} {
		if have := [2]bool{policy.AllowUpdate(), policy.AllowDelete()}; have != want {
			t.Errorf("%q: update, delete are %v, want %v", policy, have, want)
		}
	}
}
