package v1alpha1

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func at(second int) metav1.MicroTime {
	return metav1.NewMicroTime(time.Date(2026, 3, 1, 10, 0, second, 0, time.UTC))
}

func reports(n int) PullRequestStatus {
	var s PullRequestStatus
	for i := range n {
		s.AddReport(Report{Head: fmt.Sprintf("head-%d", i), PostedAt: at(i)})
	}
	return s
}

func TestAddReportKeepsTheNewestAndTenBeforeIt(t *testing.T) {
	s := reports(15)
	if s.Report.Head != "head-14" {
		t.Errorf("newest is %s, want head-14", s.Report.Head)
	}
	var kept []string
	for _, r := range s.Reports {
		kept = append(kept, r.Head)
	}
	want := []string{"head-4", "head-5", "head-6", "head-7", "head-8", "head-9", "head-10", "head-11", "head-12", "head-13"}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("older reports (-want, +have):\n%s", diff)
	}
}

func TestReportBefore(t *testing.T) {
	cases := []struct {
		name    string
		reports int
		second  int
		want    string
	}{
		{"no report yet", 0, 30, ""},
		{"comment before the first report", 3, 0, ""},
		{"comment between reports", 3, 1, "head-0"},
		{"comment in the second of a report is not after it", 3, 2, "head-1"},
		{"comment after all reports", 3, 30, "head-2"},
		{"report before the comment was forgotten", 15, 4, ""},
		{"oldest that is kept", 15, 5, "head-4"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := reports(c.reports)
			have := ""
			if r := s.ReportBefore(at(c.second).Time); r != nil {
				have = r.Head
			}
			if have != c.want {
				t.Errorf("have %q, want %q", have, c.want)
			}
		})
	}
}

func TestReportApplication(t *testing.T) {
	r := Report{Applications: []ReportedApplication{{Name: "web", Namespace: "a", Digest: "1"}, {Name: "web", Namespace: "b", Digest: "2"}}}
	if a := r.Application("b", "web"); a == nil || a.Digest != "2" {
		t.Errorf("b/web is %v", a)
	}
	if a := r.Application("c", "web"); a != nil {
		t.Errorf("c/web is %v", a)
	}
}

func TestDropFinishedCommands(t *testing.T) {
	var s PullRequestStatus
	for i := range 30 {
		phase := CommandDone
		switch {
		case i%10 == 0:
			phase = CommandPending
		case i%10 == 1:
			phase = CommandRunning
		case i%3 == 0:
			phase = CommandRefused
		}
		s.Commands = append(s.Commands, Command{ID: int64(i), Phase: phase})
	}
	s.DropFinishedCommands()
	var kept []int64
	for _, c := range s.Commands {
		kept = append(kept, c.ID)
	}
	want := []int64{0, 1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("kept commands (-want, +have):\n%s", diff)
	}
	before := len(s.Commands)
	s.DropFinishedCommands()
	if len(s.Commands) != before {
		t.Errorf("dropping twice left %d of %d", len(s.Commands), before)
	}
}

func TestCommandIndexTellsLinesOfOneCommentApart(t *testing.T) {
	s := PullRequestStatus{Commands: []Command{{ID: 1, Text: "/sync dev"}, {ID: 1, Text: "/sync prod"}, {ID: 2, Text: "/sync dev"}}}
	for i, c := range s.Commands {
		if have := s.CommandIndex(c.ID, c.Text); have != i {
			t.Errorf("%d %s is at %d, want %d", c.ID, c.Text, have, i)
		}
	}
	if have := s.CommandIndex(3, "/sync dev"); have != -1 {
		t.Errorf("an unknown command is at %d", have)
	}
}

func TestDue(t *testing.T) {
	precise := metav1.NewMicroTime(at(1).Add(1234567 * time.Nanosecond))
	stored := metav1.NewMicroTime(precise.Truncate(time.Microsecond))
	cases := []struct {
		name            string
		asked, observed metav1.MicroTime
		want            bool
	}{
		{"never asked", metav1.MicroTime{}, metav1.MicroTime{}, false},
		{"asked for the first time", at(1), metav1.MicroTime{}, true},
		{"dealt with", at(1), at(1), false},
		{"asked again", at(2), at(1), true},
		{"asked by a replica whose clock is behind", at(1), at(2), true},
		{"what is stored has microseconds", precise, stored, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pr := PullRequest{Spec: PullRequestSpec{Asked: Asked{At: c.asked}}, Status: PullRequestStatus{ObservedAsked: c.observed}}
			repo := Repository{Spec: RepositorySpec{Asked: Asked{At: c.asked}}, Status: RepositoryStatus{ObservedAsked: c.observed}}
			if pr.Due() != c.want || repo.Due() != c.want {
				t.Errorf("pull request %v, repository %v, want %v", pr.Due(), repo.Due(), c.want)
			}
		})
	}
}

func TestLockExpires(t *testing.T) {
	end := metav1.NewTime(at(30).Time)
	lock := Lock{Spec: LockSpec{ExpiresAt: &end}}
	if lock.Expired(at(29).Time) || !lock.Expired(at(30).Time) || !lock.Expired(at(31).Time) {
		t.Error("a lock must hold until its time and not at it")
	}
	if (&Lock{}).Expired(at(31).Time) {
		t.Error("a lock without an end expired")
	}
}

func TestLockOwnerSame(t *testing.T) {
	owner := LockOwner{Forge: ForgeGitHub, Host: "github.com", RepositoryID: 42, Number: 7, URL: "https://github.com/shop/web/pull/7"}
	renamed, neighbour := owner, owner
	renamed.URL = "https://github.com/shop/site/pull/7"
	neighbour.Number = 8
	if !owner.Same(renamed) {
		t.Error("a renamed repository made it another pull request")
	}
	if owner.Same(neighbour) {
		t.Error("two pull requests are one")
	}
}

func TestTheLastWordHidesNothing(t *testing.T) {
	for _, c := range []struct{ name, before, reason, want string }{
		{"the first", "", "push", "push"},
		{"another", "check_run.rerequested", "push", "check_run.rerequested,push"},
		{"the same again", "push", "push", "push"},
		{"one that was said before another", "push,sweep", "push", "sweep,push"},
		{"more than are kept", "a,b,c,d,e,f,g,h", "i", "b,c,d,e,f,g,h,i"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Asked{Reason: c.reason}.Beside(Asked{Reason: c.before})
			if got.Reason != c.want {
				t.Errorf("got %q, want %q", got.Reason, c.want)
			}
		})
	}
}
