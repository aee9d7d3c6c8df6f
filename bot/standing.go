package bot

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// standing is what the commit statuses of a pull request are told from: what is written down of it, gathered.
type standing struct {
	status *slipway.PullRequestStatus
	// environments are those of the policy, in its order. A pull request that touches nothing of one says so, as somebody may require it.
	environments []string
	// deed is what a command does to its applications; nil where it deploys nothing.
	deed func(c *slipway.Command) *deed
	// held says whether the pull request's lock keeps an application, namespace/name, at what was synced before the merge.
	held map[string]bool
	// landed are those applications that wait for a person after the merge, and have it all the same.
	landed map[string]bool
}

// deed is what a command does to applications.
type deed struct {
	// back says that it takes what was deployed away again.
	back bool
	// released says that what was taken back is no longer kept from coming again.
	released bool
	// part says that it deploys some objects only.
	part bool
}

// stage is how far an application, or an environment, is with what the head brings. A later one is worse news than an earlier.
type stage int

const (
	untouched stage = iota
	well
	planned
	moving
	unwell
	broken
)

// state of the commit status for a stage.
func (s stage) state() string {
	return [...]string{slipway.CheckSuccess, slipway.CheckSuccess, slipway.CheckPending, slipway.CheckPending, slipway.CheckFailure, slipway.CheckFailure}[s]
}

// place is where an application stands, and why in words.
type place struct {
	name  string
	stage stage
	text  string
}

// environmentStatuses are the commit statuses on the head, in the order of the policy, those it does not name after them. Where nothing is known
// of the head yet, or ever will be, there are none.
func environmentStatuses(s standing) []slipway.EnvironmentStatus {
	r, head := s.status.Report, s.status.HeadSHA
	if r == nil || r.Head != head || r.Base == "" {
		return nil
	}
	names := slices.Clone(s.environments)
	for _, a := range r.Applications {
		names = append(names, a.Environment)
	}
	for _, told := range s.status.Statuses {
		if told.SHA == head {
			names = append(names, told.Environment)
		}
	}
	var all []slipway.EnvironmentStatus
	seen := map[string]bool{"": true}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		state, text := s.environment(name)
		all = append(all, slipway.EnvironmentStatus{Environment: name, SHA: head, State: state, Description: line(text)})
	}
	return all
}

// environment is how far one is.
func (s standing) environment(name string) (state, text string) {
	r := s.status.Report
	if r.Merged == "" && s.status.State == slipway.StateOpen {
		return slipway.CheckFailure, "the pull request conflicts with its base branch"
	}
	var all []place
	for _, a := range r.Applications {
		if a.Environment == name {
			all = append(all, s.application(a))
		}
	}
	worst := untouched
	for _, p := range all {
		worst = max(worst, p.stage)
	}
	all = slices.DeleteFunc(all, func(p place) bool { return p.stage != worst })
	switch {
	case s.status.State == slipway.StateClosed && worst > untouched:
		return slipway.StatusError, "the pull request was closed without being merged"
	case worst == untouched && r.Incomplete && s.status.State == slipway.StateOpen:
		return slipway.CheckFailure, "an ApplicationSet cannot be generated: what changes here is not known"
	case worst == untouched:
		return worst.state(), "nothing changes here"
	}
	return worst.state(), plural(worst, all)
}

// plural tells of the applications of one stage.
func plural(s stage, all []place) string {
	if len(all) == 1 {
		return all[0].name + ": " + all[0].text
	}
	switch s {
	case well, planned:
		var names []string
		for _, p := range all {
			names = append(names, p.name)
		}
		what := map[stage]string{well: "synced and healthy", planned: "to be deployed"}[s]
		return fmt.Sprintf("%d applications %s: %s", len(all), what, strings.Join(names, ", "))
	}
	return fmt.Sprintf("%s: %s (and %d more)", all[0].name, all[0].text, len(all)-1)
}

// application is how far one is with what the report shows of it.
func (s standing) application(a slipway.ReportedApplication) place {
	merged := s.status.State == slipway.StateMerged
	p := place{name: a.Name}
	for _, guard := range a.Blocked {
		if !merged && s.status.Overridden(guard, a.Environment, s.status.HeadSHA) == nil {
			p.stage, p.text = unwell, "the guard "+guard+" stands in its way"
		}
	}
	switch {
	case a.Broken:
		p.stage, p.text = broken, "it cannot be rendered"
	case p.stage != untouched:
	case merged:
		p.stage, p.text = s.delivered(a)
	default:
		p.stage, p.text = s.tried(a)
	}
	return p
}

// tried is how far an application is before the merge: what a command deployed of it counts while the lock keeps it there.
func (s standing) tried(a slipway.ReportedApplication) (stage, string) {
	key := a.Namespace + "/" + a.Name
	c, d := s.newest(key)
	switch {
	case c == nil && a.Removed:
		return planned, "to be removed"
	case c == nil || d.released:
		return planned, "to be deployed"
	case !c.Phase.Finished():
		return moving, giving(c) + " is under way"
	case d.back:
		return planned, "rolled back by " + c.Author
	}
	bound := s.status.ReportBefore(c.CreatedAt.Time)
	if bound == nil || bound.Application(a.Namespace, a.Name) == nil || bound.Application(a.Namespace, a.Name).Digest != a.Digest {
		return planned, "to be deployed: it changed since " + giving(c)
	}
	if why, bad := c.Unwell[key]; bad {
		return unwell, why
	}
	if c.Phase == slipway.CommandFailed && len(c.Unwell) == 0 {
		return unwell, c.Message
	}
	if !s.held[key] {
		return planned, "to be deployed: what " + giving(c) + " deployed was given back"
	}
	return well, "synced and healthy, by " + giving(c)
}

// delivered is how far an application is with what was merged.
func (s standing) delivered(a slipway.ReportedApplication) (stage, string) {
	key := a.Namespace + "/" + a.Name
	if c, d := s.newest(key); c != nil && !c.Phase.Finished() {
		return moving, giving(c) + " is under way"
	} else if c != nil && d.back {
		return unwell, "rolled back by " + c.Author
	}
	i := slices.IndexFunc(s.status.Applications, func(f slipway.FollowedApplication) bool { return f.Namespace == a.Namespace && f.Name == a.Name })
	switch {
	case i >= 0:
	case meta.FindStatusCondition(s.status.Conditions, conditionFollowed) == nil:
		return moving, "merged; its deployment begins"
	default: // it went with the merge, or the merge did nothing to it in the end
		return untouched, ""
	}
	f := s.status.Applications[i]
	switch f.Phase {
	case phaseHealthy, phaseSuspended:
		return well, "synced and " + strings.ToLower(f.Phase)
	case phaseManual:
		if s.landed[key] {
			return well, "deployed already"
		}
		return planned, "merged; it waits for a sync by command"
	case phaseDegraded, phaseFailed, phaseTimedOut:
		return unwell, strings.TrimSuffix(f.Phase+": "+f.Message, ": ")
	}
	return moving, "merged; " + strings.ToLower(f.Phase)
}

// newest is the last command that deploys an application whole, or takes that back.
func (s standing) newest(key string) (*slipway.Command, *deed) {
	for i := len(s.status.Commands) - 1; i >= 0; i-- {
		c := &s.status.Commands[i]
		if c.Phase == slipway.CommandRefused || !slices.Contains(c.Applications, key) {
			continue
		}
		if d := s.deed(c); d != nil && (!d.part || !c.Phase.Finished()) {
			return c, d
		}
	}
	return nil, nil
}

// giving tells which command it was.
func giving(c *slipway.Command) string { return c.Text + " by " + c.Author }

// line makes one line of a text that others had a part in, without marks that do not show, within what forges keep of it.
func line(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if hiddenMark(r) {
			return ' '
		}
		return r
	}, s)), " ")
	return clip(s, 140)
}
