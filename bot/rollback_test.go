package bot_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
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
	p.merge(pull.Number)
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
	revert := p.proposed(fmt.Sprintf("slipway/revert-%d-", pull.Number))
	p.reported(revert.Number, revert.HeadSHA)
	p.merge(revert.Number)
	p.runs(p.Client, "shop-dev", before)
}

// restored goes back to a revision by a pull request: to what an application was rendered from then, and leaves alone what it was not.
func restored(p *play) {
	p.eventually("the application is deployed", func() (string, bool) {
		return p.image(p.Client, "shop-dev"), len(p.application("web-dev").Status.History) > 0
	})
	then := p.application("web-dev").Status.Sync.Revision
	_, before, _ := strings.Cut(p.image(p.Client, "shop-dev"), "web:")
	p.push("root", "main", p.tag("dev", "1.5.85"))
	p.runs(p.Client, "shop-dev", "1.5.85")
	pull := p.open(stage.Alice, "to-restore", p.everywhere("1.5.86"))
	p.reported(pull.Number, pull.HeadSHA)
	p.merge(pull.Number)
	p.runs(p.Client, "shop-dev", "1.5.86")

	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --to v9"), "no commit, tag or branch of that name")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --to main"), "nothing to bring back")
	tried := p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --to "+then+" --dry-run"), "Nothing was pushed")
	p.t.Logf("the dry run:\n%s", tried.Body)
	if strings.Contains(tried.Body, "overlays/staging") || !strings.Contains(tried.Body, "web/overlays/dev/kustomization.yaml") {
		p.t.Errorf("it would bring back:\n%s", tried.Body)
	}
	reply := p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --to "+then[:10]+" --reason incident"), "brings `web-dev` back to")
	p.t.Logf("proposed:\n%s", reply.Body)
	made := p.proposed(fmt.Sprintf("slipway/restore-%d-", pull.Number))
	if !strings.Contains(made.Body, "incident") || !strings.Contains(made.Title, "web-dev") {
		p.t.Errorf("the pull request says %q: %s", made.Title, made.Body)
	}
	p.reported(made.Number, made.HeadSHA)
	p.merge(made.Number)
	p.runs(p.Client, "shop-dev", before)
	if got, want := p.file("main", "web/overlays/staging/kustomization.yaml"), p.tag("staging", "1.5.86")["web/overlays/staging/kustomization.yaml"]; got != want {
		p.t.Errorf("staging was brought back too:\n%s", got)
	}
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/rollback dev --to "+then), "nothing to bring back")
}

// proposed waits for a pull request from a branch whose name begins so.
func (p *play) proposed(branch string) (pull store.Pull) {
	p.t.Helper()
	p.eventually("a pull request from "+branch, func() (string, bool) {
		for _, other := range p.Forge.Store.Pulls(p.Repo.ID) {
			if strings.HasPrefix(other.HeadRef, branch) {
				pull = other
			}
		}
		return "", pull.Number != 0
	})
	return pull
}

// unprivileged takes the right to push from the App, which has not pushed yet: the answer is the commands, and they do what the App would have
// done.
func unprivileged(p *play) {
	in := p.Forge.Store.Installations()[0]
	fewer := maps.Clone(in.Permissions)
	fewer["contents"] = "read"
	owner := store.Actor{Account: in.AccountID}
	p.must(p.Forge.Store.AcceptPermissions(owner, in.ID, fewer))
	defer func() { p.must(p.Forge.Store.AcceptPermissions(owner, in.ID, in.Permissions)) }()

	before := p.file("main", "web/overlays/dev/kustomization.yaml")
	base, err := p.Forge.Store.Resolve(p.t.Context(), p.Repo, "main")
	p.must(err)
	pull := p.open(stage.Alice, "unprivileged", p.tag("dev", "1.6.9"))
	p.reported(pull.Number, pull.HeadSHA)
	p.merge(pull.Number)
	for _, line := range []string{"/rollback dev", "/rollback dev --to " + base} {
		reply := p.answer(pull.Number, p.say(stage.Bob, pull.Number, line), "the App would need contents: write")
		p.t.Logf("the answer:\n%s", reply.Body)
		_, commands, _ := strings.Cut(reply.Body, "```sh\n")
		commands, _, _ = strings.Cut(commands, "\n```")
		branch := p.byHand(commands)
		if got := p.file(branch, "web/overlays/dev/kustomization.yaml"); got != before {
			p.t.Errorf("by hand, %s makes %s hold\n%s\nwant\n%s", line, branch, got, before)
		}
	}
}

// byHand has bob carry out what an answer says, in a clone of his own, and gives the branch that this pushed.
func (p *play) byHand(commands string) (branch string) {
	p.t.Helper()
	token, err := p.Forge.Token(stage.Bob)
	p.must(err)
	dir := p.t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	p.must(os.WriteFile(ca, p.Forge.CA(), 0o600))
	script := "set -e\ngit clone -q " + p.Forge.CloneURL(stage.Shop, token) + " shop\ncd shop\n" + commands + "\ngit branch --show-current"
	cmd := exec.CommandContext(p.t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_SSL_CAINFO="+ca, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=bob", "GIT_AUTHOR_EMAIL=bob@shop.example",
		"GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=bob@shop.example")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v:\n%s\n%s", err, commands, out)
	}
	lines := strings.Fields(string(out))
	return lines[len(lines)-1]
}
