package bot

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
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
