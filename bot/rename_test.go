package bot

import (
	"context"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

// movedAway is a forge on which a repository was given another name, and its old name to somebody else's repository. It answers about a repository
// by its number, and about a pull request by the repository's name, as GitHub does.
type movedAway struct {
	Forge
	asked []string
}

func (f *movedAway) Repository(_ context.Context, r forge.Repository) (forge.Repository, error) {
	r.Name, r.CloneURL = "shop-old", "https://forge.example/team/shop-old.git"
	return r, nil
}

func (f *movedAway) PullRequest(_ context.Context, r forge.Repository, number int) (forge.PullRequest, error) {
	f.asked = append(f.asked, r.FullName())
	if r.Name == "shop" { // the newcomer's, with a pull request of the same number that is merged
		return forge.PullRequest{Number: number, State: forge.Merged, Author: forge.User{ID: 9, Login: "mallory"}, MergeCommit: merged,
			Base: forge.Ref{Name: "main"}, Head: forge.Ref{Name: "theirs", SHA: headB}}, nil
	}
	return forge.PullRequest{Number: number, State: forge.Open, Author: forge.User{ID: 1, Login: "alice"}, Base: forge.Ref{Name: "main"},
		Head: forge.Ref{Name: "change", SHA: headA}}, nil
}

// TestTheNameOfARepositoryIsNotTheRepository gives the name of a repository that was moved to another: what people do there is not done here.
func TestTheNameOfARepositoryIsNotTheRepository(t *testing.T) {
	site := &movedAway{}
	v := looking(func(v *visit) { v.forge = site })
	if err := v.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.pull.State != forge.Open || v.pull.Head.SHA != headA || v.pull.Repository.Name != "shop-old" {
		t.Errorf("asked %v, and read %+v", site.asked, v.pull)
	}
	if s := v.res.Status; s.HeadSHA != headA || s.State != "open" {
		t.Errorf("noted %s at %s", s.State, s.HeadSHA)
	}
}
