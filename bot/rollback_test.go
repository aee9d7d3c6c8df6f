package bot_test

import (
	"fmt"
	"strings"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// rolledBack takes a merge back at once, lets go of that, and takes it back by a pull request.
func rolledBack(p *play) {
	p.eventually("the application is deployed", func() (string, bool) {
		return p.image(p.Client, "shop-dev"), len(p.application("web-dev").Status.History) > 0
	})
	_, before, _ := strings.Cut(p.image(p.Client, "shop-dev"), "web:")
	pull := p.open(stage.Alice, "to-roll-back", p.tag("dev", "1.5.80"))
	p.reported(pull.Number, pull.HeadSHA)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/rollback dev"), "the pull request is merged")
	_, err := p.Forge.As(stage.Bob).Merge(p.t.Context(), stage.Shop, pull.Number, store.Merge{})
	p.must(err)
	p.runs(p.Client, "shop-dev", "1.5.80")
	p.eventually("the sync is in the history", func() (string, bool) {
		h := p.application("web-dev").Status.History
		return fmt.Sprint(len(h)), len(h) > 1 && p.application("web-dev").Operation == nil
	})

	p.answer(pull.Number, p.say(stage.Mallory, pull.Number, "/rollback dev --now"), "write permission")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --now --to v9"), "in its history, which goes back to")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --now --dry-run"), "goes back to")
	reply := p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --now --reason incident"), "**Healthy**")
	p.t.Logf("rolled back:\n%s", reply.Body)
	p.runs(p.Client, "shop-dev", before)
	hold, held := slipway.HoldOf(p.application("web-dev").Annotations)
	if !held || !strings.Contains(hold.Reason, "incident") || hold.By != "github:"+stage.Bob {
		p.t.Errorf("held %v: %+v", held, hold)
	}
	p.t.Logf("status:\n%s", p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/status dev"), "held at").Body)
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --release"), "### Released")
	p.runs(p.Client, "shop-dev", "1.5.80")

	p.t.Logf("proposed:\n%s", p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --reason incident"), "reverts this pull request").Body)
	var revert store.Pull
	p.eventually("the reverting pull request", func() (string, bool) {
		for _, other := range p.Forge.Store.Pulls(p.Repo.ID) {
			if strings.HasPrefix(other.HeadRef, fmt.Sprintf("slipway/revert-%d-", pull.Number)) {
				revert = other
			}
		}
		return "", revert.Number != 0
	})
	p.reported(revert.Number, revert.HeadSHA)
	_, err = p.Forge.As(stage.Bob).Merge(p.t.Context(), stage.Shop, revert.Number, store.Merge{})
	p.must(err)
	p.runs(p.Client, "shop-dev", before)
}
