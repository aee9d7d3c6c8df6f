package bot

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// reader counts how often pull requests are read from it.
type reader struct {
	Forge
	now  forge.PullRequest
	read int
}

func (r *reader) PullRequest(ctx context.Context, _ forge.Repository, _ int) (forge.PullRequest, error) {
	r.read++
	return r.now, ctx.Err()
}

var errWait = &forge.RateLimited{After: time.Minute, Err: errors.New("the budget is used up")}

func TestALookThatHadToWaitGoesOnWithWhatItRead(t *testing.T) {
	for name, c := range map[string]struct {
		later func(v *visit)
		reads int
	}{
		"nothing happened":                {func(*visit) {}, 1},
		"somebody asked anew":             {func(v *visit) { v.asked.At = metav1.NewMicroTime(noon.Add(time.Second)) }, 2},
		"a long time":                     {func(v *visit) { v.Now = func() time.Time { return noon.Add(time.Hour) } }, 2},
		"it is over as far as is known":   {func(v *visit) { v.res.Status.State = slipway.StateMerged }, 2},
		"a command is to be carried out":  {func(v *visit) { v.res.Status.Commands = []slipway.Command{{Phase: slipway.CommandPending}} }, 2},
		"a command was carried out":       {func(v *visit) { v.res.Status.Commands = []slipway.Command{{Phase: slipway.CommandDone}} }, 1},
		"another look has gone on before": {func(v *visit) { v.memory.resume(v.key) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := &reader{}
			v := looking(func(v *visit) { f.now, v.forge, v.pull = v.pull, f, forge.PullRequest{} })
			for _, step := range []func(context.Context) error{v.begin, func(context.Context) error { v.paused(errWait); return nil }} {
				if err := step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			next := looking(func(n *visit) { n.Bot, n.forge, n.res, n.pull = v.Bot, f, v.res, forge.PullRequest{} })
			c.later(next)
			for _, step := range []func(context.Context) error{next.begin, next.sure} {
				if err := step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if f.read != c.reads || next.pull.Head.SHA != headA || !next.read {
				t.Errorf("read %d times, want %d; the head is %q", f.read, c.reads, next.pull.Head.SHA)
			}
		})
	}
}

func TestWhatMovedWhileALookHadToWaitBeginsAnother(t *testing.T) {
	f := &reader{}
	v := looking(func(v *visit) { f.now, v.forge = v.pull, f })
	if err := v.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.paused(errWait)
	f.now.Head.SHA = headB
	v.res.Status.Commands = []slipway.Command{{Phase: slipway.CommandPending}}
	if err := errors.Join(v.begin(t.Context()), v.sure(t.Context())); !errors.Is(err, errSuperseded) {
		t.Errorf("a command is carried out about the head of before: %v", err)
	}
}

func TestACheckIsCreatedUnlookedForOnlyWhereItIsNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"the forge did not let us try": {fmt.Errorf("setting the check: %w", errWait), true},
		"after a lost answer":          {fmt.Errorf("setting the check: %w: %w", forge.ErrUncertain, errWait), false},
		"it failed":                    {errors.New("500"), false},
	} {
		if got := unmade(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhomAPushConcerns(t *testing.T) {
	const branch = "forge.example/7/main"
	asked := slipway.Asked{At: metav1.NewMicroTime(noon)}
	for name, c := range map[string]struct {
		report *slipway.Report
		due    bool
		first  string
		stands bool
	}{
		"reported on this base":                    {&slipway.Report{Base: merged}, false, "", true},
		"reported on an earlier base":              {&slipway.Report{Base: headB}, false, merged, false},
		"waits for trust":                          {&slipway.Report{}, false, "", true},
		"a look is to come":                        {nil, true, "", true},
		"a look is to come, and others found this": {nil, true, merged, true},
		"a look found an earlier base":             {nil, true, headB, false},
		"a look is finding it":                     {nil, true, unsure, false},
		"none is to come":                          {nil, false, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(nil)
			if c.first != "" {
				v.memory.findTip(branch)(c.first)
			}
			v.res.Status.Report = c.report
			if c.due {
				v.res.Spec.Asked = asked
			}
			if got := (repositories{v.Bot}).standsOn(v.res, branch, merged); got != c.stands {
				t.Errorf("stands on it: %v, want %v", got, c.stands)
			}
		})
	}
}

func TestWhereBranchesWereFoundFirst(t *testing.T) {
	m := newMemory()
	found := m.findTip("main")
	if got := m.firstTip("main"); got != unsure {
		t.Errorf("while a look is at it: %q", got)
	}
	found(headA)
	m.findTip("main")(headB)
	if got := m.firstTip("main"); got != headA {
		t.Errorf("found first at %q", got)
	}
	for i := range 2 * remembered {
		m.findTip(fmt.Sprint("branch-", i))(headB)
	}
	if got := m.firstTip("main"); got != unsure || len(m.first) > remembered {
		t.Errorf("what was forgotten is said to be at %q; %d are remembered", got, len(m.first))
	}
}

func TestASweepAsksForNoLookThatIsToComeAnyway(t *testing.T) {
	open := forge.PullRequest{Head: forge.Ref{SHA: headA}, Base: forge.Ref{Name: "main"}}
	for name, c := range map[string]struct {
		change func(p *slipway.PullRequest)
		want   bool
	}{
		"it is to come":          {func(*slipway.PullRequest) {}, true},
		"it was seen":            {func(p *slipway.PullRequest) { p.Status.HeadSHA, p.Status.BaseRef = headA, "main" }, true},
		"another head was seen":  {func(p *slipway.PullRequest) { p.Status.HeadSHA = headB }, false},
		"it went somewhere else": {func(p *slipway.PullRequest) { p.Status.BaseRef = "next" }, false},
		"it has been":            {func(p *slipway.PullRequest) { p.Status.ObservedAsked = p.Spec.Asked.At }, false},
	} {
		p := looking(nil).res
		p.Spec.Asked.At = metav1.NewMicroTime(noon)
		c.change(p)
		if got := onItsWay(p, open); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
