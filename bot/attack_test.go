package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// tag is a change of the web's image in one environment.
func (p *play) tag(environment, tag string) map[string]string {
	path := "web/overlays/" + environment + "/kustomization.yaml"
	files, err := p.Files("fixtures/repos/shop")
	p.must(err)
	return map[string]string{path: strings.ReplaceAll(files[path], "newTag: 1.4.0", "newTag: "+tag)}
}

// TestAttacks has people try what Trust forbids, against everything real. Each attack has a branch of its own.
func TestAttacks(t *testing.T) {
	p := perform(t).atDesks()
	for _, attack := range []struct {
		name string
		try  func(*play)
	}{
		{"a command without a report before it", commandBeforeReport},
		{"a head pushed between report and command", headBetweenReportAndCommand},
		{"a head pushed between report and ok-to-test", headBetweenReportAndVouching},
		{"a command edited after the fact", editedCommand},
		{"a command edited in the second in which it was posted", editedAtOnce},
		{"a stranger commands", strangerCommands},
		{"the author approves", authorApproves},
		{"who pushed to it approves", pusherApproves},
		{"an approval of an older head", olderApproval},
		{"a policy that only the head has", policyOfTheHead},
		{"a stranger's repository commands an application", foreignRepository},
		{"a specification in the head names another team's repository", foreignSource},
		{"an object in the head is someone else's", foreignObject},
		{"a command in a quote, in code and by a bot", commandsNotGiven},
		{"a commit that fails is opened again, into a branch where it does nothing", openedTwice},
	} {
		p.act(t, attack.name, attack.try)
	}
}

func commandBeforeReport(p *play) {
	var pull store.Pull
	var c store.Comment
	p.asleep(func() {
		pull = p.open(stage.Alice, "early", p.tag("staging", "1.4.1"))
		p.approve(pull.Number)
		c = p.say(stage.Bob, pull.Number, "/sync staging")
	})
	p.reported(pull.Number, pull.HeadSHA)
	p.answer(pull.Number, c, "wait for the report")
	p.reacted(c, "confused")
	p.untouched("web-staging", c)
}

// untouched says that no command of a comment ever reached an application.
func (p *play) untouched(app string, c store.Comment) {
	p.t.Helper()
	if keys := p.operations(app); strings.Contains(keys, "-"+itoa(c.ID)+"-") {
		p.t.Errorf("%s was asked: %s", app, keys)
	}
}

func headBetweenReportAndCommand(p *play) {
	pull := p.open(stage.Alice, "between", p.tag("staging", "1.4.2"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	var c store.Comment
	var newer string
	p.asleep(func() {
		newer = p.push(stage.Alice, "between", p.tag("staging", "6.6.6"))
		p.approve(pull.Number) // even with an approval of the new head
		c = p.say(stage.Bob, pull.Number, "/sync staging")
	})
	p.reported(pull.Number, newer)
	p.answer(pull.Number, c, "the report was about")
	p.reacted(c, "confused")
	p.untouched("web-staging", c)
}

func headBetweenReportAndVouching(p *play) {
	fork, err := p.Forge.As(stage.Mallory).Fork(p.t.Context(), stage.Shop)
	p.must(err)
	commit := func(files map[string]string) string {
		sha, err := p.Forge.As(stage.Mallory).Commit(p.t.Context(), fork.FullName(), store.FileCommit{Branch: "fork", Message: "A gift", Files: files})
		p.must(err)
		return sha
	}
	commit(p.tag("staging", "1.4.3"))
	pull, err := p.Forge.As(stage.Mallory).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "A gift", Head: stage.Mallory + ":fork", Base: "main"})
	p.must(err)
	comment, check := p.reported(pull.Number, pull.HeadSHA)
	if check.Conclusion != "neutral" || strings.Contains(comment.Body, "1.4.3") || !strings.Contains(comment.Body, "/ok-to-test") {
		p.t.Fatalf("an untrusted head: %s\n%s", check.Conclusion, comment.Body)
	}
	own := p.say(stage.Mallory, pull.Number, "/ok-to-test")
	p.reacted(own, "confused")
	var newer string
	var c store.Comment
	p.asleep(func() {
		newer = commit(p.tag("staging", "6.6.6"))
		c = p.say(stage.Bob, pull.Number, "/ok-to-test")
	})
	comment, check = p.reported(pull.Number, newer)
	p.reacted(c, "confused")
	if check.Conclusion != "neutral" || strings.Contains(comment.Body, "6.6.6") {
		p.t.Errorf("the word for one head was kept for another: %s\n%s", check.Conclusion, comment.Body)
	}
	c = p.say(stage.Bob, pull.Number, "/ok-to-test")
	p.reacted(c, "rocket")
	p.eventually("the vouched head's report", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, "6.6.6")
	})
	again := commit(p.tag("staging", "6.6.7"))
	if comment, check = p.reported(pull.Number, again); check.Conclusion != "neutral" || strings.Contains(comment.Body, "6.6.7") {
		p.t.Errorf("a push after the word is trusted: %s\n%s", check.Conclusion, comment.Body)
	}
}

func editedCommand(p *play) {
	pull := p.open(stage.Alice, "edited", p.tag("staging", "1.4.4"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	var c store.Comment
	p.asleep(func() {
		c = p.say(stage.Bob, pull.Number, "Nice work.")
		// The forge counts in whole seconds: an edit is one if the second is another.
		p.eventually("the next second", func() (string, bool) { return "", time.Now().Unix() > c.CreatedAt.Unix() })
		_, err := p.Forge.As("root").EditComment(stage.Shop, c.ID, "/sync staging")
		p.must(err)
	})
	p.unheard(pull.Number, c)
}

// editedAtOnce puts a command into bob's mouth before the second is over in which he spoke: by the times, nothing was edited.
func editedAtOnce(p *play) {
	pull := p.open(stage.Alice, "edited-at-once", p.tag("staging", "1.4.4"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	var c store.Comment
	p.asleep(func() {
		p.eventually("an edit within one second", func() (string, bool) {
			c = p.say(stage.Bob, pull.Number, "Nice work.")
			edited, err := p.Forge.As("root").EditComment(stage.Shop, c.ID, "/sync staging")
			p.must(err)
			if edited.UpdatedAt.Unix() != c.CreatedAt.Unix() {
				_, err = p.Forge.As("root").EditComment(stage.Shop, c.ID, "Nice work.")
				p.must(err)
			}
			return "", edited.UpdatedAt.Unix() == c.CreatedAt.Unix()
		})
	})
	p.unheard(pull.Number, c)
}

// unheard says that a comment is no command, once a later one was heard.
func (p *play) unheard(number int, c store.Comment) {
	p.t.Helper()
	marker := p.say(stage.Bob, number, "/help")
	p.answer(number, marker, "Commands")
	p.untouched("web-staging", c)
	for _, reply := range p.ours(number, "<!-- slipway:reply ") {
		if strings.Contains(reply.Body, "-"+itoa(c.ID)+"-") {
			p.t.Errorf("the edited comment was answered: %s", reply.Body)
		}
	}
}

func strangerCommands(p *play) {
	pull := p.open(stage.Alice, "stranger", p.tag("staging", "1.4.5"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	c := p.say(stage.Mallory, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "write permission")
	p.untouched("web-staging", c)
	again := p.say(stage.Mallory, pull.Number, "/sync staging\n/sync prod\n/unlock")
	p.reacted(again, "confused")
	if replies := p.ours(pull.Number, "<!-- slipway:reply "); len(replies) != 1 {
		p.t.Errorf("a stranger got %d answers", len(replies))
	}
}

func authorApproves(p *play) {
	pull := p.open(stage.Alice, "own", p.tag("staging", "1.4.6"))
	p.reported(pull.Number, pull.HeadSHA)
	// The forge refuses an author's own approval; a stranger's it takes.
	_, err := p.Forge.As(stage.Mallory).Review(stage.Shop, pull.Number, "APPROVE", "")
	p.must(err)
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "0 of 1")
	p.untouched("web-staging", c)
}

// pusherApproves has bob push under alice's name what he then approves.
func pusherApproves(p *play) {
	pull := p.open(stage.Alice, "pushed", p.tag("staging", "1.4.9"))
	alice, _ := p.Forge.Store.AccountByLogin(stage.Alice)
	head, err := p.Forge.As(stage.Bob).Commit(p.t.Context(), stage.Shop, store.FileCommit{Branch: "pushed", Message: "Mine, says alice",
		Files: p.tag("staging", "6.6.6"), Author: alice.ID})
	p.must(err)
	p.reported(pull.Number, head)
	p.approve(pull.Number)
	c := p.say(stage.Bob, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "bob has a hand in the head")
	p.untouched("web-staging", c)
}

func olderApproval(p *play) {
	pull := p.open(stage.Alice, "older", p.tag("staging", "1.4.7"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	newer := p.push(stage.Alice, "older", p.tag("staging", "6.6.6"))
	p.reported(pull.Number, newer)
	c := p.say(stage.Bob, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "approved another commit")
	p.untouched("web-staging", c)
}

func policyOfTheHead(p *play) {
	files := p.tag("prod", "1.4.8")
	files[".slipway.yaml"] = "environments:\n  - name: prod\n    beforeMerge: true\n"
	pull := p.open(stage.Alice, "policy", files)
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	c := p.say(stage.Alice, pull.Number, "/sync prod")
	reply := p.answer(pull.Number, c, "beforeMerge: true")
	if !strings.Contains(reply.Body, "is merged") {
		p.t.Errorf("the refusal does not say what would help: %s", reply.Body)
	}
	p.untouched("web-prod", c)
}

func foreignRepository(p *play) {
	ctx := p.t.Context()
	repo, err := p.Forge.Repo(ctx, store.NewRepo{Owner: stage.Owner, Name: "other"})
	p.must(err)
	p.must(p.Forge.Grant("acme/other", stage.Mallory, store.Write))
	files, err := p.Files("fixtures/repos/shop")
	p.must(err)
	_, err = p.Forge.As("root").Commit(ctx, "acme/other", store.FileCommit{Branch: "main", Message: "first", Files: map[string]string{
		".slipway.yaml": "environments:\n  - name: staging\n    beforeMerge: true\n"}})
	p.must(err)
	// It holds the shop's own manifests, which name the shop's application.
	_, err = p.Forge.As(stage.Mallory).Commit(ctx, "acme/other", store.FileCommit{Branch: "mine", Message: "mine", Files: files})
	p.must(err)
	pull, err := p.Forge.As(stage.Mallory).Open(ctx, "acme/other", store.NewPull{Title: "mine", Head: "mine", Base: "main"})
	p.must(err)
	other := &play{Stage: &stage.Stage{Forge: p.Forge, Repo: repo, Server: p.Server, Client: p.Client}, t: p.t}
	other.eventually("the check, without a comment where nothing reads the repository", func() (string, bool) {
		checks := p.Forge.Store.CheckRuns(repo.ID, pull.HeadSHA)
		return fmt.Sprintf("%+v", checks), len(checks) > 0 && checks[0].Status == "completed" && checks[0].Conclusion == "success"
	})
	for _, check := range p.Forge.Store.CheckRuns(repo.ID, pull.HeadSHA) {
		if strings.Contains(check.Output.Summary, "web-staging") {
			p.t.Errorf("the check speaks of the shop's applications: %s", check.Output.Summary)
		}
	}
	for _, line := range []string{"/sync staging", "/sync app:web-staging", "/sync cluster:in-cluster", "/unlock app:web-staging"} {
		c, err := p.Forge.As(stage.Mallory).Comment("acme/other", pull.Number, line)
		p.must(err)
		other.reacted(c, "confused")
		p.untouched("web-staging", c)
	}
}

func foreignSource(p *play) {
	ctx := p.t.Context()
	_, err := p.Forge.Repo(ctx, store.NewRepo{Owner: stage.Owner, Name: "vault", Private: true})
	p.must(err)
	_, err = p.Forge.As("root").Commit(ctx, "acme/vault", store.FileCommit{Branch: "main", Message: "first", Files: map[string]string{
		"web/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {plan: the-vaults-plan}\n"}})
	p.must(err)
	files, err := p.Files("fixtures/repos/shop")
	p.must(err)
	manifest := strings.ReplaceAll(files["apps/web-dev.yaml"], "acme/shop.git", "acme/vault.git")
	manifest = strings.ReplaceAll(manifest, "path: web/overlays/dev", "path: web")
	pull := p.open(stage.Alice, "vault", map[string]string{"apps/web-dev.yaml": manifest})
	comment, check := p.reported(pull.Number, pull.HeadSHA)
	if strings.Contains(comment.Body+check.Output.Summary+check.Output.Text, "the-vaults-plan") {
		p.t.Errorf("another team's repository was read:\n%s", comment.Body)
	}
	if check.Conclusion != "failure" {
		p.t.Errorf("the check says %s:\n%s", check.Conclusion, comment.Body)
	}
}

func foreignObject(p *play) {
	live := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop-dev", Name: "theirs"}, Data: map[string]string{"plan": "somebody-elses-plan"}}
	p.must(p.Client.Create(p.t.Context(), live))
	files, err := p.Files("fixtures/repos/shop")
	p.must(err)
	kustomization := strings.ReplaceAll(files["web/overlays/dev/kustomization.yaml"], "  - ../../base\n", "  - ../../base\n  - theirs.yaml\n")
	pull := p.open(stage.Alice, "theirs", map[string]string{
		"web/overlays/dev/kustomization.yaml": kustomization,
		"web/overlays/dev/theirs.yaml":        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\ndata: {plan: mine-now}\n",
	})
	comment, check := p.reported(pull.Number, pull.HeadSHA)
	if strings.Contains(comment.Body+check.Output.Summary+check.Output.Text, "somebody-elses-plan") {
		p.t.Errorf("somebody else's object is shown:\n%s", comment.Body)
	}
	if !strings.Contains(comment.Body, "theirs") || !strings.Contains(comment.Body, "mine-now") {
		p.t.Errorf("the change itself is not shown:\n%s", comment.Body)
	}
}

func commandsNotGiven(p *play) {
	pull := p.open(stage.Alice, "silent", p.tag("staging", "1.4.9"))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	c := p.say(stage.Bob, pull.Number, "> /sync staging\n\n```\n/sync staging\n```\n\n<details>\n\n/sync staging\n\n</details>\n\n`/sync staging`")
	last := p.say(stage.Bob, pull.Number, "/help")
	p.answer(pull.Number, last, "Commands")
	p.untouched("web-staging", c)
}

// openedTwice has the check of a commit that fails followed by one that passes, of the same name on the same commit: merges wait for the newest.
func openedTwice(p *play) {
	pull := p.open(stage.Alice, "twice", map[string]string{"web/overlays/staging/kustomization.yaml": "resources: [nowhere.yaml]\n"})
	if _, check := p.reported(pull.Number, pull.HeadSHA); check.Conclusion != "failure" {
		p.t.Fatalf("the check says %s", check.Conclusion)
	}
	p.push(stage.Alice, "quiet", map[string]string{"README.md": "A branch that no application follows.\n"})
	_, err := p.Forge.As(stage.Alice).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "The same, elsewhere", Head: "twice", Base: "quiet"})
	p.must(err)
	said := func(what string, want ...string) {
		p.t.Helper()
		p.eventually(what, func() (string, bool) {
			var have []string
			for _, check := range p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA) {
				have = append(have, check.Status+" "+check.Conclusion)
			}
			return strings.Join(have, ", "), slices.Equal(have, want)
		})
	}
	said("both fail", "completed failure", "completed failure")
	if !slices.ContainsFunc(p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA), func(c store.CheckRun) bool {
		return c.Output.Title == fmt.Sprintf("The same commit fails in pull request %d", pull.Number)
	}) {
		p.t.Error("the second does not say why it fails")
	}
	_, err = p.Forge.As(stage.Alice).ClosePull(p.t.Context(), stage.Shop, pull.Number)
	p.must(err)
	p.eventually("the second passes on its own", func() (string, bool) {
		passed := 0
		for _, check := range p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA) {
			if check.Conclusion == "success" {
				passed++
			}
		}
		return itoa(int64(passed)), passed == 1
	})
}
