package controller

import (
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// Conditions of an application that is kept at a revision.
const (
	conditionLocked = "LockedWarning"
	conditionHeld   = "HeldWarning"
)

// sources are those that the application is to be compared with and synced from by itself: the specification's, unless a lock or a hold
// keeps it at a revision. A lock, which ends with its pull request, goes before a hold.
func (p *pass) sources() []argo.ApplicationSource {
	if p.locked != nil {
		return p.lockedSources()
	}
	if held, err := p.heldSources(); held != nil && err == nil {
		return held
	}
	return slices.Clone(p.app.Spec.SourceList())
}

// heldSources are those of a hold; nil where there is none.
func (p *pass) heldSources() ([]argo.ApplicationSource, error) {
	h, held := slipway.HoldOf(p.app.Annotations)
	if !held {
		return nil, nil
	}
	return engine.HeldSources(p.app, h)
}

// kept reports whether a lock or a hold keeps the application at a revision.
func (p *pass) kept() bool {
	_, held := slipway.HoldOf(p.app.Annotations)
	return p.locked != nil || held
}

// keepers are the conditions that say so, and who takes the application's objects over.
func (p *pass) keepers() []argo.ApplicationCondition {
	var all []argo.ApplicationCondition
	if p.locked != nil {
		all = append(all, condition(conditionLocked, lockText(p.locked)))
	}
	if h, held := slipway.HoldOf(p.app.Annotations); held {
		all = append(all, condition(conditionHeld, h.String()))
	}
	if p.taken != nil {
		all = append(all, condition(conditionAdopted, adoptedText(p.taken)))
	}
	return all
}

// withSources is the application as if these were its sources; a history that holds it at a revision may name others than it does.
func (p *pass) withSources(sources []argo.ApplicationSource) *argo.Application {
	if !p.kept() {
		return p.app
	}
	app := p.app.DeepCopy()
	setSources(&app.Spec, sources)
	return app
}

// setSources leaves a specification in its form, of one source or of several.
func setSources(spec *argo.ApplicationSpec, sources []argo.ApplicationSource) {
	if spec.HasMultipleSources() {
		spec.Sources = sources
	} else if len(sources) > 0 {
		spec.Source, spec.SourceHydrator = &sources[0], nil
	}
}

// hold has the application held where the request that begins now brings it, if it is one for going back.
func (p *pass) hold() {
	if p.locked != nil {
		return // it decides already where automated sync goes
	}
	if h, holds := engine.HoldOfRequest(p.app); holds {
		p.app.Annotations = h.Annotate(p.app.Annotations)
		p.log.Info("holding the application at a revision", "revisions", h.Revisions, "user", h.By)
	}
}
