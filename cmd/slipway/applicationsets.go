package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
)

// sets adds what ApplicationSets make to the applications of both sides, and tells on notes about those that make nothing here.
type sets struct {
	notes io.Writer
	// broken is whether the merge leaves a set that generates nothing but an error.
	broken bool
}

// generate yields the applications of the base and of the merge. A set whose merged side cannot be generated keeps its applications as
// the base has them: an error never removes any.
func (s *sets) generate(scope plan.Scope, base, merged change.Manifests, baseTree, mergedTree fs.FS) (before, after []*argo.Application) {
	now := time.Now() // one for both sides, so that the time is no difference
	before, after = base.Applications, merged.Applications
	made := map[string][]*argo.Application{}
	told := map[string]bool{}
	for _, set := range base.ApplicationSets {
		apps, err := appset.Generate(set, world(scope, baseTree, now))
		if err != nil {
			s.tell(set, "at the base", err)
			told[setName(set)+err.Error()] = true
			continue
		}
		made[setName(set)] = apps
		before = append(before, apps...)
	}
	for _, set := range merged.ApplicationSets {
		apps, err := appset.Generate(set, world(scope, mergedTree, now))
		if err != nil {
			apps = made[setName(set)]
			_, fault := object.AsFault(err)
			s.broken = s.broken || fault
			if !told[setName(set)+err.Error()] {
				s.tell(set, "after the merge", err)
			}
		}
		after = append(after, apps...)
	}
	return before, after
}

// world is the tree of this repository, at the branch that is compared.
func world(scope plan.Scope, tree fs.FS, now time.Time) appset.World {
	return appset.World{Now: now, Tree: func(repoURL, revision string) (fs.FS, error) {
		if plan.Follows(argo.ApplicationSource{RepoURL: repoURL, TargetRevision: revision}, scope) {
			return tree, nil
		}
		return nil, &appset.NeedsWorld{Generator: "git", Reason: fmt.Sprintf("it reads %s at %q, and only %s of this repository is at hand", repoURL, revision, scope.BaseBranch)}
	}}
}

func (s *sets) tell(set *argo.ApplicationSet, side string, err error) {
	var needs *appset.NeedsWorld
	if errors.As(err, &needs) {
		fmt.Fprintf(s.notes, "slipway: note: ApplicationSet %s is left out: %s\n", setName(set), needs)
		return
	}
	fmt.Fprintf(s.notes, "slipway: ApplicationSet %s cannot be generated %s: %v\n", setName(set), side, err)
}

func setName(set *argo.ApplicationSet) string {
	if set.Namespace == "" {
		return set.Name
	}
	return set.Namespace + "/" + set.Name
}
