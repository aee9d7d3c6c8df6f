package bot

import (
	"context"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// pressing is a visit to a pull request whose check has buttons, and the ids of those by their labels.
func pressing(change func(*visit)) (*visit, map[string]string) {
	v := looking(func(v *visit) {
		v.Previews = true
		v.res.Status.Report = &slipway.Report{Head: headA}
		v.res.Status.CheckRunID, v.res.Status.CheckHead, v.res.Status.CheckState = "5", headA, slipway.CheckSuccess
	})
	v.shown(v.buttons([]report.Environment{{Name: "prod"}, {Name: "staging", BeforeMerge: true}}))
	if change != nil {
		change(v)
	}
	return v, labelled(v)
}

func labelled(v *visit) map[string]string {
	ids := map[string]string{}
	for _, b := range v.offered() {
		ids[b.Label] = b.ID
	}
	return ids
}

// press has bob press a button, told by a delivery of that name.
func press(v *visit, delivery, button, head string) {
	at := noon.Add(time.Duration(len(v.res.Spec.Clicks)+1) * time.Second)
	v.res.Spec.Clicks = append(v.res.Spec.Clicks, slipway.Click{Delivery: delivery, Button: button, Head: head, User: "bob", UserID: 2, At: metav1.NewMicroTime(at)})
	v.hearClicks()
}

func TestButtonsMeanCommands(t *testing.T) {
	long := "an-environment-with-a-long-name"
	v := looking(func(v *visit) { v.Previews = true })
	v.buttons([]report.Environment{{Name: "locked", BeforeMerge: true, Locked: "by another"}, {Name: long, BeforeMerge: true}})
	ids := labelled(v)
	for label, want := range map[string]string{"Sync to " + long: "/sync " + long, "Re-check": "/diff", "Preview": "/preview"} {
		if id := ids[label]; len(id) == 0 || len(id) > 20 {
			t.Fatalf("%s has the id %q, which GitHub does not take", label, id)
		}
		press(v, label, ids[label], headA)
		if got := recorded(v); got[len(got)-1] != want {
			t.Errorf("%s means %q, want %q", label, got, want)
		}
	}
	for i, nonsense := range []string{"", "sync:staging", "sync.", "diff", "rm -rf"} {
		if press(v, string(rune('0'+i)), nonsense, headA); len(recorded(v)) != 3 {
			t.Errorf("%q means %q", nonsense, recorded(v))
		}
	}
}

func TestAButtonIsHeardOnceWhateverItsDeliveryIsCalled(t *testing.T) {
	v, before := pressing(nil)
	press(v, "1", before["Sync to staging"], headA)
	press(v, "2", before["Sync to staging"], headA) // the same signed body again
	press(v, "1", before["Sync to staging"], headA)
	if got := recorded(v); len(got) != 1 || got[0] != "/sync staging" {
		t.Fatalf("recorded %q", got)
	}
	after := labelled(v)
	if after["Sync to staging"] == before["Sync to staging"] || after["Re-check"] != before["Re-check"] {
		t.Errorf("offered are %v, before %v", after, before)
	}
	press(v, "3", after["Sync to staging"], headA)
	press(v, "4", after["Re-check"], headA)
	if got := recorded(v); !slices.Equal(got, []string{"/sync staging", "/sync staging", "/diff"}) {
		t.Errorf("recorded %q of honest presses", got)
	}
	keys := map[string]bool{}
	for _, c := range v.res.Status.Commands {
		keys[c.OperationID] = true
	}
	if len(keys) != 3 {
		t.Errorf("the keys are %v", keys)
	}
}

func TestAButtonThatWasNotTakenCanBePressedAgain(t *testing.T) {
	v, ids := pressing(func(v *visit) {
		for range mostPending {
			v.res.Status.Commands = append(v.res.Status.Commands, slipway.Command{Phase: slipway.CommandPending})
		}
	})
	press(v, "1", ids["Re-check"], headA)
	v.res.Status.Commands = nil
	press(v, "2", ids["Re-check"], headA)
	if got := recorded(v); len(got) != 1 {
		t.Errorf("recorded %q", got)
	}
}

func TestAButtonOfAnotherHeadOnlyLooksAgain(t *testing.T) {
	v, ids := pressing(nil)
	press(v, "1", ids["Sync to staging"], headB)
	if got := recorded(v); !slices.Equal(got, []string{"/diff"}) || labelled(v)["Sync to staging"] == ids["Sync to staging"] {
		t.Errorf("recorded %q", got)
	}
}

func TestAButtonOfWhatIsNotOpenDoesNothing(t *testing.T) {
	for _, state := range []forge.State{forge.Merged, forge.Closed} {
		v, ids := pressing(func(v *visit) { v.pull.State = state })
		press(v, "1", ids["Sync to staging"], headA)
		if v.note(); len(recorded(v)) != 0 || len(v.res.Status.Buttons) != 0 {
			t.Errorf("%s: recorded %q, offered %v", state, recorded(v), v.res.Status.Buttons)
		}
	}
}

func TestButtonsStayWhatTheyAreWhileNobodyPressesThem(t *testing.T) {
	v, before := pressing(nil)
	v.buttons([]report.Environment{{Name: "staging", BeforeMerge: true}})
	if got := labelled(v); got["Sync to staging"] != before["Sync to staging"] || got["Preview"] != before["Preview"] {
		t.Errorf("offered are %v, before %v", got, before)
	}
	v.buttons(nil)
	if press(v, "1", before["Sync to staging"], headA); len(recorded(v)) != 0 {
		t.Errorf("a button that is no longer offered gave %q", recorded(v))
	}
}

func TestAPressOfACheckFromBeforeButtonsWereNotedMakesTheReportAgain(t *testing.T) {
	v, _ := pressing(func(v *visit) { v.res.Status.Buttons = nil })
	if press(v, "1", "sync:staging", headA); !v.force || len(recorded(v)) != 0 {
		t.Errorf("recorded %q, made again: %v", recorded(v), v.force)
	}
}

// checks keeps what checks are set to.
type checks struct {
	Forge
	set []forge.Check
}

func (c *checks) SetCheck(_ context.Context, _ forge.Repository, check forge.Check) (int64, error) {
	c.set = append(c.set, check)
	return 5, nil
}

func TestPressedButtonsAreReplacedOnTheCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*visit)
		sets   int
	}{
		"the check stands":            {func(*visit) {}, 1},
		"the report is to come":       {func(v *visit) { v.res.Status.CheckState = slipway.CheckPending }, 0},
		"the check is of before":      {func(v *visit) { v.res.Status.CheckHead = headB }, 0},
		"the report brought them":     {func(v *visit) { v.shown(v.offered()) }, 0},
		"it was merged in the moment": {func(v *visit) { v.pull.State = forge.Merged }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := &checks{}
			v, ids := pressing(func(v *visit) { v.forge = f })
			press(v, "1", ids["Preview"], headA)
			c.change(v)
			for range 2 {
				if err := v.reoffer(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if len(f.set) != c.sets {
				t.Fatalf("set %d times, want %d", len(f.set), c.sets)
			}
			if c.sets > 0 && (f.set[0].Status != "" || f.set[0].Conclusion != "" || f.set[0].ID != 5 || f.set[0].Buttons[2].ID == ids["Preview"]) {
				t.Errorf("set to %+v", f.set[0])
			}
		})
	}
}
