package bot

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// A pull request that goes back is ours on the forge, and its change is that of whoever asked for it: their approval of it would be one of their
// own. The commit says who that is, so that it cannot be edited away.
const (
	// ownBranches begins the names of the branches that we push.
	ownBranches = "slipway/"
	// askedByTrailer is the line of a commit's message that says it, with the account's number before its name.
	askedByTrailer = "Slipway-Asked-By: "
)

// askedBy ends the message of a commit that somebody had us make.
func askedBy(u forge.User) string { return fmt.Sprintf("\n%s%d %s\n", askedByTrailer, u.ID, u.Login) }

// askers are those who had us make what a pull request of ours brings.
func (v *visit) askers(ctx context.Context) ([]forge.User, error) {
	if v.ground == nil || v.pull.Fork() || !strings.HasPrefix(v.pull.Head.Name, ownBranches) {
		return nil, nil
	}
	own, _, err := v.ownCommits(ctx, v.ground, v.ground.base.Commit())
	if err != nil {
		return nil, fmt.Errorf("reading who asked for the head: %w", err)
	}
	return askersOf(own), nil
}

// askersOf reads what commits say. That somebody else may write such a line does no harm: it takes a word away, and gives none.
func askersOf(commits []git.Commit) []forge.User {
	var all []forge.User
	for _, c := range commits {
		for line := range strings.Lines(c.Message) {
			said, ok := strings.CutPrefix(strings.TrimSpace(line), askedByTrailer)
			number, login, _ := strings.Cut(said, " ")
			id, err := strconv.ParseInt(number, 10, 64)
			if ok && err == nil && id > 0 {
				all = append(all, forge.User{ID: id, Login: login})
			}
		}
	}
	return all
}
