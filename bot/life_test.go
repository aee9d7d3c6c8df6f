package bot_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// image is what runs as web in a namespace.
func (p *play) image(c client.Client, namespace string) string {
	d := &appsv1.Deployment{}
	if err := c.Get(p.t.Context(), types.NamespacedName{Namespace: namespace, Name: "web"}, d); err != nil {
		return err.Error()
	}
	return d.Spec.Template.Spec.Containers[0].Image
}

// runs waits for an image tag to run as web in a namespace.
func (p *play) runs(c client.Client, namespace, tag string) {
	p.t.Helper()
	p.eventually("web:"+tag+" in "+namespace, func() (string, bool) {
		have := p.image(c, namespace)
		return have, strings.HasSuffix(have, ":"+tag)
	})
}

// held are the applications that locks are on, with the revisions.
func (p *play) held() map[string]string {
	p.t.Helper()
	held := map[string]string{}
	for _, l := range p.locks() {
		if a := l.Spec.Application; a != nil {
			held[a.Name] = l.Spec.Revision
		}
	}
	return held
}

func (p *play) locks() []slipway.Lock {
	p.t.Helper()
	locks := &slipway.LockList{}
	p.must(p.Client.List(p.t.Context(), locks, client.InNamespace(stage.Namespace)))
	return locks.Items
}

// everywhere is a change of the web's image in every environment.
func (p *play) everywhere(tag string) map[string]string {
	files := map[string]string{}
	for _, e := range []string{"dev", "staging", "prod"} {
		for path, content := range p.tag(e, tag) {
			files[path] = content
		}
	}
	return files
}

// TestLife is a pull request from its opening to production, by way of a deployment before the merge.
func TestLife(t *testing.T) {
	p := perform(t).atDesks()
	for _, act := range []struct {
		name string
		play func(*play)
	}{
		{"before the merge, the merge, and production", wholeLife},
		{"closed after a sync", closedAfterSync},
		{"unlocked by hand", unlockedByHand},
		{"another holds it", anotherHolds},
		{"a queue", queue},
		{"actions", actions},
		{"rolled back", rolledBack},
		{"brought back to a revision", restored},
		{"a button", button},
		{"held by hand", heldByHand},
		{"never healthy", neverHealthy},
		{"a policy that cannot be read", faultyPolicy},
		{"a check asked for again", checkedAgain},
		{"nothing to say", nothingToSay},
		{"a conflict", conflict},
	} {
		p.act(t, act.name, act.play)
	}
}

func wholeLife(p *play) {
	start := time.Now()
	pull := p.open(stage.Alice, "whole", p.everywhere("1.5.0"))
	comment, check := p.reported(pull.Number, pull.HeadSHA)
	p.t.Logf("reported %s after the pull request was opened", time.Since(start))
	if check.Conclusion != "success" {
		p.t.Errorf("check %s: %s", check.Conclusion, check.Output.Summary)
	}
	for _, part := range []string{"web-dev", "web-staging", "web-prod", "1.5.0", "/sync staging"} {
		if !strings.Contains(comment.Body, part) {
			p.t.Errorf("the report does not speak of %q:\n%s", part, comment.Body)
		}
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync prod"), "is merged")

	p.approve(pull.Number)
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	reply := p.answer(pull.Number, c, "**Healthy**")
	p.t.Logf("the reply:\n%s", reply.Body)
	p.reacted(c, "rocket")
	p.runs(p.Client, "shop-staging", "1.5.0")
	if held := p.held(); len(held) != 1 || len(held["web-staging"]) != 40 {
		p.t.Errorf("held: %v", held)
	}
	if app := p.application("web-staging"); app.Spec.Source.TargetRevision != "main" {
		p.t.Errorf("the specification was edited: %+v", app.Spec.Source)
	}
	p.deployed("staging", "success")

	p.merge(pull.Number)
	p.runs(p.Client, "shop-dev", "1.5.0")
	p.eventually("the report follows web-dev", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		dev, ok := lineWith(body, "`web-dev`")
		return body, ok && strings.Contains(dev, "Healthy") && strings.Contains(body, "**Merged**")
	})
	body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
	p.t.Logf("the report after the merge:\n%s", body)
	if prod, ok := lineWith(body, "waits for `/sync prod`"); !ok || !strings.Contains(prod, "web-prod") {
		p.t.Errorf("production is not named with its command")
	}
	p.eventually("the lock is given back", func() (string, bool) { return fmt.Sprint(p.held()), len(p.held()) == 0 })

	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/sync prod"), "**Healthy**")
	p.runs(p.ProdClient, "shop-prod", "1.5.0")
	p.deployed("prod", "success")
	p.eventually("the report tells of production", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, !strings.Contains(body, "waits for `/sync prod`")
	})
	if all := p.ours(pull.Number, "<!-- slipway:report "); len(all) != 1 {
		p.t.Errorf("%d reports", len(all))
	}
}

// lineWith is the first line of a text that contains a part.
func lineWith(text, part string) (string, bool) {
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, part) {
			return line, true
		}
	}
	return "", false
}

// deployed waits for the newest deployment to an environment to be in a state.
func (p *play) deployed(environment, state string) {
	p.t.Helper()
	p.eventually("a deployment to "+environment, func() (string, bool) {
		var newest store.Deployment
		for _, d := range p.Forge.Store.Deployments(p.Repo.ID) {
			if d.Environment == environment && d.ID > newest.ID {
				newest = d
			}
		}
		var states []string
		last := store.DeploymentStatus{}
		for _, s := range p.Forge.Store.DeploymentStatuses(newest.ID) {
			states = append(states, s.State)
			if s.ID > last.ID {
				last = s
			}
		}
		return strings.Join(states, " "), last.State == state
	})
}

// early syncs staging before the merge, and waits until it is there.
func (p *play) early(branch, tag string) store.Pull {
	p.t.Helper()
	pull := p.open(stage.Alice, branch, p.tag("staging", tag))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "**Healthy**")
	p.runs(p.Client, "shop-staging", tag)
	return pull
}

func closedAfterSync(p *play) {
	pull := p.early("closed", "1.5.1")
	p.close(pull.Number)
	p.eventually("the lock is given back", func() (string, bool) { return fmt.Sprint(p.held()), len(p.held()) == 0 })
	p.eventually("a comment says what that means", func() (string, bool) {
		said := p.ours(pull.Number, "<!-- slipway:unlocked ")
		return fmt.Sprint(said), len(said) == 1 && strings.Contains(said[0].Body, "no automated sync")
	})
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "is closed")
}

func unlockedByHand(p *play) {
	pull := p.early("unlocked", "1.5.2")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock app:web-dev"), "holds nothing")
	c := p.say(stage.Alice, pull.Number, "/unlock staging")
	p.answer(pull.Number, c, "`web-staging`")
	p.reacted(c, "rocket")
	if held := p.held(); len(held) != 0 {
		p.t.Errorf("held: %v", held)
	}
}

func anotherHolds(p *play) {
	first := p.early("first", "1.5.3")
	second := p.open(stage.Alice, "second", p.tag("staging", "1.5.4"))
	p.reported(second.Number, second.HeadSHA)
	p.approve(second.Number)
	c := p.say(stage.Alice, second.Number, "/sync staging")
	p.answer(second.Number, c, fmt.Sprintf("/pull/%d", first.Number))
	p.reacted(c, "confused")
	p.untouched("web-staging", c)
	p.answer(second.Number, p.say(stage.Bob, second.Number, "/unlock"), "the place in the queue")
	p.answer(second.Number, p.say(stage.Bob, second.Number, "/unlock"), "holds nothing")
	if held := p.held(); len(held) != 1 {
		p.t.Errorf("another pull request's lock was given back: %v", held)
	}
	p.answer(first.Number, p.say(stage.Bob, first.Number, "/unlock"), "Given back")
	p.answer(second.Number, p.say(stage.Alice, second.Number, "/sync staging"), "**Healthy**")
	p.answer(second.Number, p.say(stage.Alice, second.Number, "/unlock"), "Given back")
}

// heldByHand has the base branch move under an application that syncs by itself, while a pull request holds it.
func heldByHand(p *play) {
	pull := p.open(stage.Alice, "by-hand", p.everywhere("1.5.5"))
	p.reported(pull.Number, pull.HeadSHA)
	p.eventually("the application is deployed", func() (string, bool) {
		return p.image(p.Client, "shop-dev"), len(p.application("web-dev").Status.History) > 0
	})
	p.answer(pull.Number, p.say(stage.Mallory, pull.Number, "/lock dev"), "write permission")
	c := p.say(stage.Alice, pull.Number, "/lock dev --reason migration")
	p.answer(pull.Number, c, "🔒 Held")
	p.reacted(c, "rocket")
	if held := p.held(); len(held) != 1 || len(held["web-dev"]) != 40 {
		p.t.Fatalf("held: %v", held)
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/lock dev --for 100h"), "🔒 Held")
	for _, l := range p.locks() {
		if ends := l.Spec.ExpiresAt; ends == nil || time.Until(ends.Time) < 99*time.Hour || time.Until(ends.Time) > 100*time.Hour {
			p.t.Errorf("given again for longer, %s ends at %v", l.Name, ends)
		}
	}
	before := p.image(p.Client, "shop-dev")
	files := p.tag("dev", "1.5.95")
	files["charts/api/values-dev.yaml"] = "logLevel: quiet\n"
	_, err := p.Forge.As("root").Commit(p.t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "under the lock", Files: files})
	p.must(err)
	p.eventually("the application beside it is deployed", func() (string, bool) {
		settings := &corev1.ConfigMap{}
		err := p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: "shop-dev", Name: "api"}, settings)
		return fmt.Sprint(settings.Data, err), settings.Data["LOG_LEVEL"] == "quiet"
	})
	p.eventually("the application that is held was looked at", func() (string, bool) {
		app := p.application("web-dev")
		return string(app.Status.Sync.Status) + " " + app.Status.Sync.Revision, app.Status.Sync.Revision == p.held()["web-dev"]
	})
	if now := p.image(p.Client, "shop-dev"); now != before {
		p.t.Errorf("deployed under the lock: %s", now)
	}
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/unlock dev"), "Given back")
	p.runs(p.Client, "shop-dev", "1.5.95")
}

func neverHealthy(p *play) {
	pull := p.open(stage.Alice, "broken", p.tag("dev", "broken"))
	p.reported(pull.Number, pull.HeadSHA)
	p.merge(pull.Number)
	p.eventually("the report says what broke", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, "**Degraded**") && strings.Contains(body, "ImagePullBackOff")
	})
	p.t.Logf("the report:\n%s", p.ours(pull.Number, "<!-- slipway:report ")[0].Body)
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/status dev"), "ImagePullBackOff")
}

func faultyPolicy(p *play) {
	good, err := p.Files("fixtures/repos/shop")
	p.must(err)
	_, err = p.Forge.As("root").Commit(p.t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "oops",
		Files: map[string]string{".slipway.yaml": "environments:\n  - name: staging\n    beforMerge: true\n"}})
	p.must(err)
	defer func() {
		_, err := p.Forge.As("root").Commit(p.t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "mended",
			Files: map[string]string{".slipway.yaml": good[".slipway.yaml"]}})
		p.must(err)
	}()
	pull := p.open(stage.Alice, "faulty", p.tag("staging", "1.5.5"))
	p.reported(pull.Number, pull.HeadSHA)
	p.eventually("the report tells of the policy", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, ".slipway.yaml:3")
	})
	p.approve(pull.Number)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), ".slipway.yaml:3")

	mending := p.open(stage.Alice, "mending", map[string]string{".slipway.yaml": good[".slipway.yaml"]})
	if _, check := p.reported(mending.Number, mending.HeadSHA); check.Conclusion != "success" {
		p.t.Errorf("the check of what mends the policy: %s", check.Conclusion)
	}
	worse := p.open(stage.Alice, "worse", map[string]string{".slipway.yaml": "environments: production\n"})
	comment, check := p.reported(worse.Number, worse.HeadSHA)
	if check.Conclusion != "failure" || len(check.Output.Annotations) != 1 || check.Output.Annotations[0].Path != ".slipway.yaml" {
		p.t.Errorf("the check of a policy that cannot be read: %s, %+v", check.Conclusion, check.Output.Annotations)
	}
	if !strings.Contains(comment.Body, "policy of this pull request cannot be read") {
		p.t.Errorf("the report does not tell of it:\n%s", comment.Body)
	}
}

func checkedAgain(p *play) {
	pull := p.open(stage.Alice, "again", p.tag("staging", "1.5.6"))
	_, check := p.reported(pull.Number, pull.HeadSHA)
	// The forge's times have a resolution of a second: in the same one the second end could not be told from the first.
	p.eventually("the clock's next second", func() (string, bool) { return "", time.Now().Truncate(time.Second).After(check.CompletedAt) })
	writes := func() int {
		return p.Forge.Requests.Count(func(r forge.Request) bool {
			return r.Method == http.MethodPatch && strings.HasSuffix(r.Path, fmt.Sprintf("/check-runs/%d", check.ID))
		})
	}
	before := writes()
	p.rerun(stage.Bob, check)
	p.eventually("the check is under way again, and ends", func() (string, bool) { return fmt.Sprint(writes() - before), writes() >= before+2 })
	p.eventually("the check ends again", func() (string, bool) {
		checks := p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA)
		last := checks[len(checks)-1]
		return fmt.Sprintf("%+v", checks), last.Status == "completed" && last.CompletedAt.After(check.CompletedAt)
	})
	if n := len(p.ours(pull.Number, "<!-- slipway:report ")); n != 1 {
		p.t.Errorf("%d reports", n)
	}
	p.reacted(p.say(stage.Alice, pull.Number, "/diff"), "rocket")
	if n := len(p.ours(pull.Number, "<!-- slipway:report ")); n != 1 {
		p.t.Errorf("%d reports after /diff", n)
	}
}

func conflict(p *play) {
	pull := p.open(stage.Alice, "conflict", p.tag("staging", "1.5.7"))
	p.reported(pull.Number, pull.HeadSHA)
	_, err := p.Forge.As("root").Commit(p.t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "meanwhile", Files: p.tag("staging", "1.5.8")})
	p.must(err)
	p.eventually("the report tells of the conflict", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, "conflicts with its base")
	})
	p.approve(pull.Number)
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "conflict")
	p.reacted(c, "confused")
	p.untouched("web-staging", c)
}

// nothingToSay is a policy that wants comments only where an application changes: the check still ends, and says why.
func nothingToSay(p *play) {
	policy, err := os.ReadFile("../fixtures/repos/shop/.slipway.yaml")
	p.must(err)
	p.push(stage.Alice, "main", map[string]string{".slipway.yaml": "comment: changes\n" + string(policy)})
	defer p.push(stage.Alice, "main", map[string]string{".slipway.yaml": string(policy)})
	pull := p.open(stage.Alice, "words", map[string]string{"README.md": "more words\n"})
	var check store.CheckRun
	p.eventually("the check", func() (string, bool) {
		for _, c := range p.Checks(pull.HeadSHA) {
			check = c
		}
		return check.Status, check.Status == "completed"
	})
	if check.Conclusion != "success" || check.Output.Title != "No application changes" {
		p.t.Errorf("check %s: %s", check.Conclusion, check.Output.Title)
	}
	if said := p.ours(pull.Number, "<!-- slipway:report "); len(said) > 0 {
		p.t.Errorf("a comment:\n%s", said[0].Body)
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "changes no application")
	sha := p.push(stage.Alice, "words", p.everywhere("1.9.9"))
	p.reported(pull.Number, sha) // from here on there is one
}
