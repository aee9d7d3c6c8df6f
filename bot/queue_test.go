package bot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/fixtures/forge/hooks"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestMergeQueue merges by way of a queue that asks for our check on what it tries.
func TestMergeQueue(t *testing.T) {
	p := perform(t, "--sweep=2s").atDesks()
	p.Forge.Store.Protect(p.Repo.ID, "main", store.Protection{Checks: []string{"slipway"}, Queue: true})
	p.act(t, "what holds is merged", queuedAndMerged)
	p.act(t, "what does not hold together is not merged", queuedAndRefused)
	p.act(t, "a group whose delivery is lost, across a restart", queuedUnheard)
}

// ready opens a pull request and waits for its report.
func (p *play) ready(branch string, files map[string]string) store.Pull {
	p.t.Helper()
	pull := p.open(stage.Alice, branch, files)
	p.reported(pull.Number, pull.HeadSHA)
	return pull
}

func (p *play) enqueue(pull store.Pull) store.MergeGroup {
	p.t.Helper()
	if p.desks == nil {
		g, err := p.Forge.As(stage.Alice).Enqueue(p.t.Context(), stage.Shop, pull.Number)
		p.must(err)
		return g
	}
	p.merge(pull.Number)
	groups := p.Forge.Store.MergeGroups(p.Repo.ID)
	return groups[len(groups)-1]
}

func (p *play) mergedByQueue(pull store.Pull, g store.MergeGroup) {
	p.t.Helper()
	p.eventually("the queue merges", func() (string, bool) {
		now, _ := p.Forge.Store.Pull(p.Repo.ID, pull.Number)
		return fmt.Sprintf("%s, checks of its group %+v", now.State, p.Forge.Store.CheckRuns(p.Repo.ID, g.HeadSHA)), !now.MergedAt.IsZero()
	})
	if checks := p.Forge.Store.CheckRuns(p.Repo.ID, g.HeadSHA); len(checks) != 1 || checks[0].Conclusion != "success" {
		p.t.Errorf("the group's checks: %+v", checks)
	}
}

func queuedAndMerged(p *play) {
	pull := p.ready("queue-one", p.tag("dev", "2.0.1"))
	p.mergedByQueue(pull, p.enqueue(pull))
	p.eventually("the report tells of the merge", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, "Merged")
	})
	if n := len(p.ours(pull.Number, "<!-- slipway:report ")); n != 1 {
		p.t.Errorf("%d reports", n)
	}
}

// queuedAndRefused queues two that are well each by itself: both bring an object of the same name.
func queuedAndRefused(p *play) {
	base := p.file("main", "web/overlays/staging/kustomization.yaml")
	reads := p.ready("queue-reads", map[string]string{"web/overlays/staging/kustomization.yaml": strings.Replace(base, "resources:\n", "resources:\n  - more.yaml\n", 1),
		"web/overlays/staging/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\n"})
	clash := p.ready("queue-clash", map[string]string{"web/base/kustomization.yaml": strings.Replace(p.file("main", "web/base/kustomization.yaml"), "resources:\n", "resources:\n  - more.yaml\n", 1),
		"web/base/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\n"})
	first := p.enqueue(reads)
	second := p.enqueue(clash)
	p.mergedByQueue(reads, first)
	p.eventually("the second group fails", func() (string, bool) {
		checks := p.Forge.Store.CheckRuns(p.Repo.ID, second.HeadSHA)
		return fmt.Sprintf("%+v", checks), len(checks) == 1 && checks[0].Conclusion == "failure"
	})
	if now, _ := p.Forge.Store.Pull(p.Repo.ID, clash.Number); now.State != "open" {
		p.t.Errorf("it is %s", now.State)
	}
	if groups := p.Forge.Store.MergeGroups(p.Repo.ID); len(groups) != 0 {
		p.t.Errorf("still in the queue: %+v", groups)
	}
}

// file is what a file of the shop holds.
func (p *play) file(ref, name string) string {
	p.t.Helper()
	out, err := p.Forge.Store.Git(p.t.Context(), p.Repo, nil, "cat-file", "blob", ref+":"+name)
	p.must(err)
	return string(out)
}

func queuedUnheard(p *play) {
	pull := p.ready("queue-lost", p.tag("dev", "2.0.2"))
	var g store.MergeGroup
	p.Forge.Hooks.Fail(hooks.Faults{Drop: 100})
	p.asleep(func() { g = p.enqueue(pull) })
	p.mergedByQueue(pull, g)
	p.Forge.Hooks.Fail(hooks.Faults{})
}
