package bot

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

func TestCommandsOfACommentGoOneAfterTheOther(t *testing.T) {
	v := looking(func(v *visit) {
		v.res.Status.Commands = []slipway.Command{
			{ID: 1, Text: "/sync dev", OperationID: "a"}, {ID: 2, Text: "/diff", OperationID: "b"}, {ID: 1, Text: "/sync staging", OperationID: "c"},
			{Text: "/sync prod", OperationID: "d"}, {Text: "/diff", OperationID: "e"},
		}
	})
	for i, want := range []string{"", "", "a", "", ""} {
		got := ""
		if before := v.earlierOf(&v.res.Status.Commands[i]); before != nil {
			got = before.OperationID
		}
		if got != want {
			t.Errorf("before command %d comes %q, want %q", i, got, want)
		}
	}
}

func TestWhatIsLeftOutAfterACommandThatDidNotGoThrough(t *testing.T) {
	for name, c := range map[string]struct {
		before slipway.CommandPhase
		line   string
		out    bool
	}{
		"it went through": {slipway.CommandDone, "/sync staging", false},
		"it was refused":  {slipway.CommandRefused, "/sync staging", true},
		"it failed":       {slipway.CommandFailed, "/unlock", true},
		"only a look":     {slipway.CommandRefused, "/status", false},
		"a typing error":  {slipway.CommandRefused, "/synk staging", false},
	} {
		if got := leftOut(&slipway.Command{Text: "/sync dev", Phase: c.before}, command.Parse(c.line, command.Options{})[0]); (got != "") != c.out {
			t.Errorf("%s: %q", name, got)
		}
	}
	if leftOut(nil, command.Command{Verb: command.Sync}) != "" {
		t.Error("the first of a comment is left out")
	}
}

func TestWhoGoesFirst(t *testing.T) {
	at := func(key string, seconds int, phase slipway.CommandPhase) *slipway.Command {
		started := metav1.NewMicroTime(noon.Add(time.Duration(seconds) * time.Second))
		return &slipway.Command{OperationID: key, StartedAt: &started, Phase: phase}
	}
	ours := at("m", 10, slipway.CommandRunning)
	for name, c := range map[string]struct {
		other *slipway.Command
		want  bool
	}{
		"earlier":         {at("z", 9, slipway.CommandRunning), true},
		"later":           {at("a", 11, slipway.CommandRunning), false},
		"at once, by key": {at("a", 10, slipway.CommandRunning), true},
		"at once, after":  {at("z", 10, slipway.CommandRunning), false},
		"over":            {at("a", 9, slipway.CommandDone), false},
		"itself":          {ours, false},
		"not begun":       {&slipway.Command{OperationID: "a", Phase: slipway.CommandPending}, false},
	} {
		if got := goesFirst(c.other, ours); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestButtonsMeanCommands(t *testing.T) {
	long := "an-environment-with-a-long-name"
	v := looking(func(v *visit) {
		v.res.Status.Report = &slipway.Report{Applications: []slipway.ReportedApplication{{Name: "a", Environment: "staging"}, {Name: "b", Environment: long}}}
	})
	for button, want := range map[string]string{
		"sync:staging": "/sync staging", syncButton(long): "/sync " + long, "diff": "/diff", "preview": "/preview", "sync:prod": "", "sync:": "", "": "", "rm -rf": "",
	} {
		if got := v.meaning(button); got != want {
			t.Errorf("%q means %q, want %q", button, got, want)
		}
	}
	if id := syncButton(long); len(id) > longestButton {
		t.Errorf("%q is longer than the forge takes", id)
	}
}

func TestAButtonIsPressedOnce(t *testing.T) {
	v := looking(func(v *visit) {
		v.res.Status.Report = &slipway.Report{Applications: []slipway.ReportedApplication{{Name: "a", Environment: "staging"}}}
		v.res.Spec.Clicks = []slipway.Click{
			{Delivery: "1", Button: "sync:staging", Head: headA, User: "bob", UserID: 2, At: metav1.NewMicroTime(noon)},
			{Delivery: "2", Button: "sync:staging", Head: headB, User: "bob", UserID: 2, At: metav1.NewMicroTime(noon.Add(time.Second))},
			{Delivery: "3", Button: "nonsense", Head: headA, User: "bob", UserID: 2, At: metav1.NewMicroTime(noon.Add(2 * time.Second))},
		}
	})
	for range 2 {
		v.hearClicks()
	}
	again := v.res.Spec.Clicks[0]
	again.At = metav1.NewMicroTime(noon.Add(time.Minute))
	v.res.Spec.Clicks = append(v.res.Spec.Clicks, again)
	v.hearClicks() // the same delivery, after others
	got := recorded(v)
	if len(got) != 2 || got[0] != "/sync staging" || got[1] != "/diff" {
		t.Errorf("recorded %q, want a sync, and a look for the button of another head", got)
	}
}

func TestAButtonOfWhatIsNotOpenDoesNothing(t *testing.T) {
	for _, state := range []forge.State{forge.Merged, forge.Closed} {
		v := looking(func(v *visit) {
			v.pull.State = state
			v.res.Status.Report = &slipway.Report{Applications: []slipway.ReportedApplication{{Name: "a", Environment: "staging"}}}
			v.res.Spec.Clicks = []slipway.Click{{Delivery: "1", Button: "sync:staging", Head: headA, User: "bob", UserID: 2, At: metav1.NewMicroTime(noon)}}
		})
		v.hearClicks()
		if got := recorded(v); len(got) != 0 {
			t.Errorf("%s: recorded %q", state, got)
		}
	}
}
