package forgetest

import (
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

func othersChecks(t *testing.T, w World) {
	_, head := pull(t, w)
	equal(t, "checks at first", len(one(w.Forge.OtherChecks(t.Context(), w.Repository, head))(t)), 0)
	one(w.Forge.SetCheck(t.Context(), w.Repository, forge.Check{ExternalID: "k", Name: "slipway", SHA: head, Status: forge.Completed,
		Conclusion: forge.Failure, Title: "t", Summary: "s"}))(t)
	w.People.Grant(t, "ci", forge.Write)
	for _, b := range []struct {
		name        string
		ended, well bool
	}{{"build", true, true}, {"test", true, false}, {"lint", false, false}, {"deploy", false, false}, {"deploy", true, true}} {
		w.People.Build(t, "ci", head, b.name, b.ended, b.well)
	}
	w.Faults.Pages(t, 2)
	want := map[string]forge.Check{
		"build":  {Status: forge.Completed, Conclusion: forge.Success},
		"test":   {Status: forge.Completed, Conclusion: forge.Failure},
		"lint":   {Status: forge.InProgress},
		"deploy": {Status: forge.Completed, Conclusion: forge.Success},
	}
	found := one(w.Forge.OtherChecks(t.Context(), w.Repository, head))(t)
	equal(t, "how many checks", len(found), len(want))
	for _, c := range found {
		equal(t, "status of "+c.Name, c.Status, want[c.Name].Status)
		equal(t, "conclusion of "+c.Name, c.Conclusion, want[c.Name].Conclusion)
	}
}
