package sync

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

var (
	older = strings.Repeat("a", 40)
	newer = strings.Repeat("b", 40)
)

func deployedTwice(a *argo.Application) {
	a.Status.History = []argo.RevisionHistory{
		{ID: 0, Revision: older, Source: argo.ApplicationSource{RepoURL: "r", Path: "was", TargetRevision: "main"}},
		{ID: 1, Revision: newer, Source: *a.Spec.Source},
	}
	a.Status.Sync.Revision = newer
}

func TestHeldSources(t *testing.T) {
	app := automated(deployedTwice)
	for name, c := range map[string]struct {
		hold []string
		path string
		at   string
	}{
		"of the history":        {[]string{older}, "was", older},
		"of an abbreviation":    {[]string{older[:8]}, "was", older},
		"of the spec":           {[]string{"v1.2"}, app.Spec.Source.Path, "v1.2"},
		"too short for another": {[]string{"aa"}, app.Spec.Source.Path, "aa"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := HeldSources(app, slipway.Hold{Revisions: c.hold})
			if err != nil || len(got) != 1 || got[0].Path != c.path || got[0].TargetRevision != c.at {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	if _, err := HeldSources(app, slipway.Hold{Revisions: []string{"a", "b"}}); err == nil {
		t.Error("two revisions hold an application of one source")
	}
	if app.Spec.Source.TargetRevision == older || app.Status.History[0].Source.TargetRevision != "main" {
		t.Error("the application was changed")
	}
}

func TestHoldOfRequest(t *testing.T) {
	back := func(a *argo.Application) { a.Operation = a.RollbackTo(a.Status.History[0], "alice", false) }
	for name, c := range map[string]struct {
		app   func(*argo.Application)
		holds []string
	}{
		"a rollback": {app: back, holds: []string{older}},
		"a sync to an older revision": {app: func(a *argo.Application) {
			a.Operation = &argo.Operation{Sync: &argo.SyncOperation{Revision: older}}
		}, holds: []string{older}},
		"a sync to what is tracked": {app: func(a *argo.Application) {
			a.Operation = &argo.Operation{Sync: &argo.SyncOperation{Revision: newer}}
		}},
		"a sync to what was never deployed": {app: func(a *argo.Application) {
			a.Operation = &argo.Operation{Sync: &argo.SyncOperation{Revision: strings.Repeat("c", 40)}}
		}},
		"the same while it is held": {app: func(a *argo.Application) {
			a.Annotations = slipway.Hold{Revisions: []string{older}}.Annotate(nil)
			a.Operation = &argo.Operation{Sync: &argo.SyncOperation{Revision: strings.Repeat("c", 40)}}
		}, holds: []string{strings.Repeat("c", 40)}},
		"a sync of all that is tracked": {app: func(a *argo.Application) { a.Operation = &argo.Operation{Sync: &argo.SyncOperation{}} }},
		"without automated sync":        {app: func(a *argo.Application) { back(a); a.Spec.SyncPolicy.Automated = nil }},
		"a dry run":                     {app: func(a *argo.Application) { back(a); a.Operation.Sync.DryRun = true }},
		"of one resource": {app: func(a *argo.Application) {
			back(a)
			a.Operation.Sync.Resources = []argo.SyncOperationResource{{Kind: "ConfigMap", Name: "a"}}
		}},
		"by automated sync":   {app: func(a *argo.Application) { back(a); a.Operation.InitiatedBy.Automated = true }},
		"by a pull request":   {app: func(a *argo.Application) { back(a); a.Operation.Info = []argo.Info{{Name: "slipway.dev/command"}} }},
		"no request":          {app: func(*argo.Application) {}},
		"of too many sources": {app: func(a *argo.Application) { back(a); a.Operation.Sync.Revisions = []string{older, older} }},
	} {
		t.Run(name, func(t *testing.T) {
			got, holds := HoldOfRequest(automated(deployedTwice, c.app))
			if diff := cmp.Diff(c.holds, got.Revisions); diff != "" || holds != (c.holds != nil) {
				t.Error(diff, got)
			}
		})
	}
}

func TestAHeldApplicationGoesToItsRevision(t *testing.T) {
	seen := drifted()
	seen.Revisions = []string{older}
	app := automated(deployedTwice, func(a *argo.Application) {
		a.Spec.SyncPolicy.Automated.Prune = true
		a.Annotations = slipway.Hold{Revisions: []string{older}, By: "alice"}.Annotate(nil)
	})
	h, _ := slipway.HoldOf(app.Annotations)
	var err error
	if seen.HeldSources, err = HeldSources(app, h); err != nil {
		t.Fatal(err)
	}
	op := Automate(app, seen).Operation
	if op == nil || op.Sync.Revision != older || op.Sync.Source == nil || op.Sync.Source.Path != "was" || op.Sync.Prune {
		t.Errorf("%+v", op)
	}
}
