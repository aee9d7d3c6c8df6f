package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/project"
)

// setSeen is all that is known when it is decided what becomes of a set's applications. What comes of the cache is never changed.
type setSeen struct {
	made appset.Generation
	// current are the applications that the set owns, by name; others those of its namespace that it does not own, of names it makes.
	current []*argo.Application
	others  map[string]*argo.Application
	// refused says why a generated application is neither made nor changed nor deleted; faults are of those that have no name of their own.
	refused map[string]string
	faults  []string
	// lost are the applications whose destination is no cluster that is known.
	lost map[string]bool
	// closed are the applications whose pull request is known to be closed.
	closed map[string]bool
	now    time.Time
}

// gather looks at what there is beside what is generated.
func (p *setPass) gather(ctx context.Context, made appset.Generation) (setSeen, error) {
	s := setSeen{made: made, others: map[string]*argo.Application{}, refused: map[string]string{}, lost: map[string]bool{}, closed: map[string]bool{}, now: p.now()}
	var list argo.ApplicationList
	if err := p.client.List(ctx, &list, client.InNamespace(p.set.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return s, fmt.Errorf("listing the applications of %s: %w", p.set.Namespace, err)
	}
	generated := map[string]bool{}
	for _, app := range made.Applications {
		generated[app.Name] = true
	}
	for i := range list.Items {
		app := &list.Items[i]
		if name, uid, ok := owner(app); ok && name == p.set.Name && uid == p.set.UID {
			s.current = append(s.current, app)
		} else if generated[app.Name] {
			s.others[app.Name] = app
		}
	}
	for _, r := range made.Refused {
		s.faults = append(s.faults, r.Fault.Error())
	}
	if err := p.validate(ctx, &s); err != nil {
		return s, err
	}
	p.memo.note(p.set, made, s.current, p.memo.listing.at)
	return s, p.farewells(ctx, &s)
}

// validate looks up the projects and destinations of what is generated.
func (p *setPass) validate(ctx context.Context, s *setSeen) error {
	projects := map[string]*argo.AppProject{}
	for _, app := range s.made.Applications {
		name := app.Spec.ProjectName()
		proj, known := projects[name]
		if !known {
			var err error
			if proj, err = p.projectNamed(ctx, name); err != nil {
				return err
			}
			projects[name] = proj
		}
		if proj == nil {
			s.refused[app.Name] = fmt.Sprintf("application references project %s which does not exist", name)
			continue
		}
		if !project.New(proj, project.Scope{}).SourceNamespace(app.Namespace, p.ControlNamespace) {
			s.refused[app.Name] = fmt.Sprintf("application '%s' in namespace '%s' is not permitted to use project '%s'", app.Name, app.Namespace, name)
			continue
		}
		if _, preview := s.made.Pulls[app.Name]; preview {
			if why := project.New(proj, project.Scope{}).Previews(); why != "" {
				s.refused[app.Name] = why
				continue
			}
		}
		var wrong *cluster.DestinationError
		if _, err := p.Registered(app.Spec.Destination); errors.As(err, &wrong) {
			s.refused[app.Name] = "application destination spec is invalid: " + wrong.Message
		}
	}
	return nil
}

// projectNamed is a project, or nil where there is none. The default one is made when it is missing.
func (p *setPass) projectNamed(ctx context.Context, name string) (*argo.AppProject, error) {
	proj := &argo.AppProject{}
	err := p.client.Get(ctx, client.ObjectKey{Namespace: p.ControlNamespace, Name: name}, proj)
	switch {
	case err == nil:
		return p.inherit(ctx, p.client, proj)
	case client.IgnoreNotFound(err) != nil:
		return nil, fmt.Errorf("reading project %s: %w", name, err)
	case name == argo.DefaultProject:
		return project.Default(p.ControlNamespace), nil
	}
	return nil, nil
}

// farewells looks at those that may go.
func (p *setPass) farewells(ctx context.Context, s *setSeen) error {
	for _, app := range s.current {
		if _, absent := p.memo.absent[app.Name]; !absent {
			continue
		}
		var wrong *cluster.DestinationError
		if _, err := p.Registered(app.Spec.Destination); errors.As(err, &wrong) {
			s.lost[app.Name] = true
		}
		if pull, ok := p.memo.pulls[app.Name]; ok && p.Forges != nil {
			closed, err := p.Forges.Closed(ctx, pull)
			if err != nil {
				return fmt.Errorf("looking whether pull request %s is closed: %w", pull.Number, err)
			}
			s.closed[app.Name] = closed
		}
	}
	return nil
}

// setTodo is what becomes of a set's applications.
type setTodo struct {
	create []*argo.Application
	change []setChange
	remove []*argo.Application
	strip  map[string]bool // those whose finalizer goes before them: their cluster is gone, and nothing could be deleted there
	// held says why applications that are no longer generated stay; empty is nothing held.
	held string
	// used says that a person's word was used up by what is removed.
	used bool
	// rolling is how far a rolling sync has come; nil without one.
	rolling *appset.Rollout
	errs    []string // what the set asks for and does not get, in the order of names
}

// setChange is a merge patch of an application.
type setChange struct {
	live  *argo.Application
	patch []byte
}

// decide says what is to be done. It touches nothing.
func (p *setPass) decide(s setSeen, l listing) setTodo {
	todo := setTodo{strip: map[string]bool{}}
	policy := p.settings.PolicyOf(p.set)
	live := map[string]*argo.Application{}
	for _, app := range s.current {
		live[app.Name] = app
	}
	made := slices.Clone(s.made.Applications)
	slices.SortFunc(made, func(a, b *argo.Application) int { return strings.Compare(a.Name, b.Name) })
	w := writing{set: p.set, settings: p.settings}
	rolls := appset.IsRolling(p.set) && !p.settings.RollingOff
	if rolls {
		r := appset.Rolling{Set: p.set, Generated: made, Current: s.current, Now: s.now, Changed: func(live, generated *argo.Application) bool {
			return w.changesSpec(live, withoutAutomation(generated))
		}}.Rollout()
		todo.rolling = &r
	}
	todo.errs = slices.Clone(s.faults)
	for _, name := range slices.Sorted(maps.Keys(s.refused)) {
		todo.errs = append(todo.errs, s.refused[name])
	}
	for _, app := range made {
		if s.refused[app.Name] != "" {
			continue
		}
		if rolls {
			app = rolled(app, live[app.Name], *todo.rolling)
		}
		there, other := live[app.Name], s.others[app.Name]
		switch {
		case there == nil && other == nil:
			todo.create = append(todo.create, w.create(app))
			continue
		case there == nil:
			if reason := p.adopts(other); reason != "" {
				todo.errs = append(todo.errs, reason)
				continue
			}
			there = other
		}
		if !there.DeletionTimestamp.IsZero() || !policy.AllowUpdate() {
			continue
		}
		patch, err := w.patch(there, app)
		if err != nil {
			todo.errs = append(todo.errs, err.Error())
		} else if patch != nil {
			todo.change = append(todo.change, setChange{there, patch})
		}
	}
	if policy.AllowDelete() {
		p.decideRemovals(&todo, s, l)
	}
	return todo
}

// adopts says why an application that is there already is not taken over, or "". A set takes over what nobody owns, as in Argo CD; but not
// by a name that whoever opens a pull request may have chosen.
func (p *setPass) adopts(app *argo.Application) string {
	if owner := metav1.GetControllerOf(app); owner != nil {
		return fmt.Sprintf("the application %q exists already, and belongs to %s %s", app.Name, owner.Kind, owner.Name)
	}
	for _, leaf := range appset.Leaves(p.set) {
		if leaf.PullRequest != nil {
			return fmt.Sprintf("the application %q exists already, and is not of this set", app.Name)
		}
	}
	return ""
}

// decideRemovals says which of the applications that are no longer generated go now: those that two listings were without, some time
// apart, or whose pull request is known to be closed; and not too many at once.
func (p *setPass) decideRemovals(todo *setTodo, s setSeen, l listing) {
	certain := onlyWritten(p.set)
	var due []*argo.Application
	for _, app := range s.current {
		first, absent := p.memo.absent[app.Name]
		if !absent || !app.DeletionTimestamp.IsZero() {
			continue
		}
		wait := p.Sets.Options.Confirm - l.at.Sub(first)
		if certain || s.closed[app.Name] || wait <= 0 {
			due = append(due, app)
			continue
		}
		// The next listing must be a new one.
		p.memo.next = earlier(p.memo.next, first.Add(p.Sets.Options.Confirm))
	}
	slices.SortFunc(due, func(a, b *argo.Application) int { return strings.Compare(a.Name, b.Name) })
	limit := p.Sets.Options.DeleteLimit
	word, given := p.set.Annotations[allowDeletionsAnnotation]
	if n, err := strconv.Atoi(word); err == nil && limit >= 0 {
		limit = max(limit, n)
	}
	if limit >= 0 && len(due) > limit {
		todo.held = fmt.Sprintf("%d applications are no longer generated, such as %s; no more than %d are deleted at once without a person's word. If that is meant: kubectl -n %s annotate applicationset %s %s=%d",
			len(due), due[0].Name, limit, p.set.Namespace, p.set.Name, allowDeletionsAnnotation, len(due))
		if given {
			todo.held += fmt.Sprintf(" --overwrite (it says %q)", word)
		}
		return
	}
	todo.used = given && len(due) > 0
	todo.remove = due
	for _, app := range due {
		todo.strip[app.Name] = s.lost[app.Name]
	}
}

// onlyWritten says whether all that a set generates from is written in it, so that what is missing was taken out of it by hand.
func onlyWritten(set *argo.ApplicationSet) bool {
	return !slices.ContainsFunc(appset.Leaves(set), func(l appset.Leaf) bool { return l.List == nil })
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
