package project

import (
	"fmt"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Attempt is a sync that sync windows are asked about.
type Attempt struct {
	App *argo.Application
	// Manual says that a person asked for it.
	Manual bool
	// StartedAt is when it began; zero if it has not.
	StartedAt time.Time
	Now       time.Time
}

// Blocked says why sync windows do not let a sync be now, or "". Of the windows that match the application, an open one that denies
// blocks; else an open one that allows permits; else one that would allow at another time blocks. manualSync lets people through,
// and syncOverrun lets what began in time go on. A window that cannot be read denies, and does not allow: a typing error must not
// open what was closed. It is not opened either by a zone that is not known, which is taken as UTC.
func (p Permits) Blocked(a Attempt) string {
	windows := p.windows(a.App)
	reason := blocked(windows, a.Now, a.Manual)
	if reason == "" || a.StartedAt.IsZero() || blocked(windows, a.StartedAt, a.Manual) != "" {
		return reason
	}
	for _, w := range windows {
		denies, open := w.Kind == "deny", isOpen(w, a.Now)
		if denies == open && !w.SyncOverrun {
			return reason
		}
	}
	return ""
}

func blocked(windows []argo.SyncWindow, now time.Time, manual bool) string {
	var denying, closed []argo.SyncWindow
	allowed := false
	for _, w := range windows {
		switch open := isOpen(w, now); {
		case w.Kind == "deny" && open:
			denying = append(denying, w)
		case w.Kind == "deny":
		case open:
			allowed = true
		default:
			closed = append(closed, w)
		}
	}
	switch {
	case len(denying) > 0 && !(manual && allManual(denying)):
		return "denied by " + describe(denying[0])
	case len(denying) > 0, allowed, len(closed) == 0, manual && allManual(closed):
		return ""
	}
	return "allowed only by " + describe(closed[0])
}

func allManual(windows []argo.SyncWindow) bool {
	for _, w := range windows {
		if !w.ManualSync {
			return false
		}
	}
	return true
}

func describe(w argo.SyncWindow) string {
	zone := w.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	text := fmt.Sprintf("the window %q for %s (%s)", w.Schedule, w.Duration, zone)
	if w.Description != "" {
		text += ": " + w.Description
	}
	return text
}

// isOpen reports whether a window is open. One that cannot be read is open if it denies and closed if it allows.
func isOpen(w argo.SyncWindow, now time.Time) bool {
	s, err := parseSchedule(w.Schedule)
	if err != nil {
		return w.Kind == "deny"
	}
	duration, err := windowDuration(w)
	if err != nil {
		return w.Kind == "deny"
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return s.openAt(now.In(zone), duration)
}

func windowDuration(w argo.SyncWindow) (time.Duration, error) {
	d, err := time.ParseDuration(w.Duration)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q %w", w.Duration, errDuration)
	}
	return d, err
}

// windows are those that match an application: by any of their lists, or by all of those they have if they say so.
func (p Permits) windows(app *argo.Application) []argo.SyncWindow {
	var found []argo.SyncWindow
	d := app.Spec.Destination
	for _, w := range p.spec.SyncWindows {
		if w.Kind != "allow" && w.Kind != "deny" {
			continue
		}
		lists := []struct {
			patterns []string
			texts    []string
		}{{w.Applications, []string{app.Name}}, {w.Namespaces, []string{d.Namespace}}, {w.Clusters, []string{d.Name, d.Server}}}
		configured, hits := 0, 0
		for _, l := range lists {
			if len(l.patterns) > 0 {
				configured++
			}
			if matchesAny(l.patterns, l.texts) {
				hits++
			}
		}
		if hits > 0 && (!w.UseAndOperator || hits == configured) {
			found = append(found, w)
		}
	}
	return found
}

func matchesAny(patterns, texts []string) bool {
	for _, pattern := range patterns {
		for _, text := range texts {
			if text != "" && matchGlob(pattern, text) {
				return true
			}
		}
	}
	return false
}
