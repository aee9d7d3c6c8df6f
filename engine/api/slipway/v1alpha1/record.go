package v1alpha1

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Bounds of what a status keeps, so that it stays far below the size that the
// API server takes.
const (
	// MaxReports is how many reports are kept beside the newest.
	MaxReports = 10
	// MaxFinishedCommands is how many finished commands are kept.
	MaxFinishedCommands = 20
)

// Due reports whether somebody asked for a look since the last one.
func (p *PullRequest) Due() bool {
	return due(p.Spec.Asked.At, p.Status.ObservedAsked)
}

// Due reports whether somebody asked for a look since the last one.
func (r *Repository) Due() bool {
	return due(r.Spec.Asked.At, r.Status.ObservedAsked)
}

// maxReasons bounds what one request remembers.
const maxReasons = 8

// Reasons are why a look was asked for, oldest first: several when more was
// asked for before anybody looked.
func (a Asked) Reasons() []string {
	return strings.Split(a.Reason, ",")
}

// Beside is a as the newest request, with the reasons of one before it that
// nobody has looked into: the last word must not hide what else was asked.
func (a Asked) Beside(before Asked) Asked {
	reasons := slices.DeleteFunc(before.Reasons(), func(r string) bool { return r == "" || r == a.Reason })
	if n := len(reasons) - (maxReasons - 1); n > 0 {
		reasons = reasons[n:]
	}
	a.Reason = strings.Join(append(reasons, a.Reason), ",")
	if a.SHA != before.SHA {
		a.SHA = "" // it is about more than one commit
	}
	return a
}

// due compares in microseconds, which is what the API server keeps. Any
// difference counts, not only a later time: clocks of replicas differ.
func due(asked, observed metav1.MicroTime) bool {
	return !asked.Time.Truncate(time.Microsecond).Equal(observed.Time.Truncate(time.Microsecond))
}

// AddReport makes r the newest report and keeps MaxReports of the older ones.
func (s *PullRequestStatus) AddReport(r Report) {
	if s.Report != nil {
		s.Reports = append(s.Reports, *s.Report)
	}
	if over := len(s.Reports) - MaxReports; over > 0 {
		s.Reports = append([]Report(nil), s.Reports[over:]...)
	}
	s.Report = &r
}

// ReportBefore returns the newest report that was posted before t, or nil. A
// command is bound to the report before its comment: that is what its author
// can have read. A report about merging into another branch is none.
func (s *PullRequestStatus) ReportBefore(t time.Time) *Report {
	if s.Report != nil && s.Report.PostedAt.Time.Before(t) {
		return s.ofThisBase(s.Report)
	}
	for i := len(s.Reports) - 1; i >= 0; i-- {
		if s.Reports[i].PostedAt.Time.Before(t) {
			return s.ofThisBase(&s.Reports[i])
		}
	}
	return nil
}

// CurrentReport is the newest report, or nil where it is about merging into
// another branch than the pull request goes into now.
func (s *PullRequestStatus) CurrentReport() *Report { return s.ofThisBase(s.Report) }

func (s *PullRequestStatus) ofThisBase(r *Report) *Report {
	if r != nil && s.BaseSince != nil && r.PostedAt.Before(s.BaseSince) {
		return nil
	}
	return r
}

// GoInto notes the branch that the pull request goes into. Where that was
// another before, nothing counts any more that was said of the merge into that.
// changed is whether it was.
func (s *PullRequestStatus) GoInto(branch string, now time.Time) (changed bool) {
	if changed = s.BaseRef != "" && s.BaseRef != branch; changed {
		since := metav1.NewMicroTime(now)
		s.BaseSince, s.Overrides = &since, nil
	}
	s.BaseRef = branch
	return changed
}

// Application returns the application as the report showed it, or nil.
func (r *Report) Application(namespace, name string) *ReportedApplication {
	for i := range r.Applications {
		if a := &r.Applications[i]; a.Namespace == namespace && a.Name == name {
			return a
		}
	}
	return nil
}

// CommandIndex returns the place of the command of a comment in Commands, or
// -1. A comment with several commands has several entries; text tells them
// apart.
func (s *PullRequestStatus) CommandIndex(id int64, text string) int {
	for i := range s.Commands {
		if s.Commands[i].ID == id && s.Commands[i].Text == text {
			return i
		}
	}
	return -1
}

// Waiting is how many commands are not finished.
func (s *PullRequestStatus) Waiting() int {
	n := 0
	for _, c := range s.Commands {
		if !c.Phase.Finished() {
			n++
		}
	}
	return n
}

// DropFinishedCommands forgets the oldest finished commands beyond
// MaxFinishedCommands. Those that are pending or running stay, whatever their
// number.
func (s *PullRequestStatus) DropFinishedCommands() {
	finished := 0
	for _, c := range s.Commands {
		if c.Phase.Finished() {
			finished++
		}
	}
	over := finished - MaxFinishedCommands
	if over <= 0 {
		return
	}
	kept := make([]Command, 0, len(s.Commands)-over)
	for _, c := range s.Commands {
		if over > 0 && c.Phase.Finished() {
			over--
			continue
		}
		kept = append(kept, c)
	}
	s.Commands = kept
}
