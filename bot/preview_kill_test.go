package bot_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/soak"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestPreviewsSurviveKills lets pull requests live while the server is killed again and again, at moments that nobody has chosen: whatever
// it was about, in the end there is the preview that is wanted, at the newest commit, or none and nothing left of one; and it has said
// everything once.
func TestPreviewsSurviveKills(t *testing.T) {
	p := perform(t)
	for round := range soak.Times(t, 10) {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			h := &hazard{play: p.by(t), dice: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(round)))}
			h.live(round)
		})
	}
}

// hazard is a play in which the server dies.
type hazard struct {
	*play
	dice  *rand.Rand
	kills int
}

// life is what people do with one pull request, one after the other.
type life struct {
	pull  store.Pull
	deeds []string
	done  []string
	stop  store.Comment // the command that ends it
}

// wanted says whether its end is a preview.
func (l *life) wanted() bool {
	last := l.done[len(l.done)-1]
	return last == "label" || last == "push"
}

func (h *hazard) live(round int) {
	scripts := []string{"label push", "label push close", "label unlabel label push", "label stop", "label push unlabel", "label unlabel close"}
	var lives []*life
	for i, s := range scripts {
		branch := fmt.Sprintf("hazard-%d-%d", round, i)
		lives = append(lives, &life{deeds: strings.Fields(s), pull: h.open(stage.Alice, branch, map[string]string{"web/base/" + branch + ".txt": "0\n"})})
	}
	for h.step(lives) {
		// A moment of no meaning: nothing is waited for.
		time.Sleep(time.Duration(h.dice.IntN(1500)) * time.Millisecond)
		if h.dice.IntN(3) == 0 {
			continue
		}
		h.kills++
		h.asleep(func() {
			if h.dice.IntN(3) == 0 {
				h.step(lives) // nobody hears of it
			}
		})
	}
	for _, l := range lives {
		h.t.Logf("#%d: %s", l.pull.Number, strings.Join(l.done, ", "))
	}
	h.t.Logf("killed %d times", h.kills)
	for _, l := range lives {
		h.settled(l)
	}
	h.onlyWanted(lives)
	for _, l := range lives {
		if l.wanted() {
			h.close(l.pull.Number)
		}
	}
	for _, l := range lives {
		h.nothingLeft(l.pull.Number)
		h.saidOnce(l)
	}
}

// step has somebody do the next of one life, and says whether there was any.
func (h *hazard) step(lives []*life) bool {
	var left []*life
	for _, l := range lives {
		if len(l.deeds) > 0 {
			left = append(left, l)
		}
	}
	if len(left) == 0 {
		return false
	}
	l := left[h.dice.IntN(len(left))]
	deed := l.deeds[0]
	l.deeds, l.done = l.deeds[1:], append(l.done, deed)
	number := l.pull.Number
	switch deed {
	case "label":
		h.label(number, "preview")
	case "unlabel":
		h.unlabel(number, "preview")
	case "push":
		l.pull.HeadSHA = h.push(stage.Alice, l.pull.HeadRef, map[string]string{"web/base/" + l.pull.HeadRef + ".txt": fmt.Sprint(len(l.done), "\n")})
	case "close":
		h.close(number)
	case "stop":
		l.stop = h.say(stage.Alice, number, "/preview stop")
	}
	return true
}

// settled waits for the end that a life has.
func (h *hazard) settled(l *life) {
	h.t.Helper()
	number := l.pull.Number
	if !l.wanted() {
		h.nothingLeft(number)
		return
	}
	h.eventually(fmt.Sprintf("the preview of %d to be ready at its newest commit", number), func() (string, bool) {
		line := h.preview(number, "**ready**")
		revision := h.application(fmt.Sprintf("preview-%d", number)).Spec.Source
		return line, strings.Contains(line, l.pull.HeadSHA[:10]) && !strings.Contains(line, "not the newest") && revision != nil && revision.TargetRevision == l.pull.HeadSHA
	})
}

// onlyWanted says that there is no other preview than those that are wanted.
func (h *hazard) onlyWanted(lives []*life) {
	h.t.Helper()
	want := map[string]bool{}
	for _, l := range lives {
		if l.wanted() {
			want[fmt.Sprintf("preview-%d", l.pull.Number)] = true
		}
	}
	var all argo.ApplicationList
	h.must(h.Client.List(h.t.Context(), &all, client.InNamespace(stage.Namespace)))
	for _, app := range all.Items {
		if strings.HasPrefix(app.Name, "preview-") && !want[app.Name] {
			h.t.Errorf("%s is there", app.Name)
		}
	}
}

// saidOnce looks for what was said, or told to the forge, twice.
func (h *hazard) saidOnce(l *life) {
	h.t.Helper()
	number := l.pull.Number
	if n := len(h.ours(number, "<!-- slipway:report ")); n > 1 {
		h.t.Errorf("%d reports of #%d", n, number)
	}
	if l.stop.ID != 0 {
		h.answer(number, l.stop, "")
		if n := len(h.ours(number, "<!-- slipway:reply ")); n != 1 {
			h.t.Errorf("%d answers to the command of #%d", n, number)
		}
	}
	deployed := map[string]int{}
	for _, d := range h.Forge.Store.Deployments(h.Repo.ID) {
		if d.Environment == fmt.Sprintf("preview-%d", number) {
			if deployed[d.SHA]++; deployed[d.SHA] > 1 {
				h.t.Errorf("more than one deployment of %s to %s", d.SHA, d.Environment)
			}
		}
	}
}
