package bot

import (
	"errors"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

// TestTheNameOfARepositoryIsNotTheRepository gives a repository another name, and its name to another: what people do there is not done here.
func TestTheNameOfARepositoryIsNotTheRepository(t *testing.T) {
	site := &reader{}
	v := looking(func(v *visit) { site.now, v.forge = v.pull, site })
	site.now.Repository.Name, site.now.Repository.CloneURL = "shop-old", "https://forge.example/team/shop-old.git"
	if err := v.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.repo.Name != "shop-old" || v.pull.Repository.Name != "shop-old" || v.repo.CloneURL != site.now.Repository.CloneURL {
		t.Errorf("it is looked for at %+v", v.repo)
	}
	site.now.Repository.ID++ // the newcomer's, with a pull request of the same number that is merged
	site.now.State, site.now.Head.SHA = forge.Merged, headB
	if err := v.refresh(t.Context()); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("another repository's pull request: %v", err)
	}
	if s := v.res.Status; s.HeadSHA != headA || s.State != "open" {
		t.Errorf("noted %s at %s", s.State, s.HeadSHA)
	}
}
