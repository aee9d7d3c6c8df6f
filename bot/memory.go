package bot

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/change"
)

// running knows which pull requests are being looked at, so that a new request for a look can reach the look that goes on.
type running struct {
	mu    sync.Mutex
	pokes map[types.NamespacedName]chan struct{}
}

func newRunning() *running { return &running{pokes: map[types.NamespacedName]chan struct{}{}} }

// enter announces a look; done takes the announcement back. No pull request is looked at twice at once.
func (r *running) enter(key types.NamespacedName) (pokes <-chan struct{}, done func()) {
	c := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pokes[key] = c
	return c, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.pokes, key)
	}
}

// poke tells a look that goes on that there is something new. Without one it does nothing.
func (r *running) poke(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.pokes[key] <- struct{}{}:
	default: // nobody looks, or they know already
	}
}

// memory keeps what is convenient to have and can be lost: the last change of a pull request, when its comments were edited last, and
// how often in a row looks failed.
type memory struct {
	mu      sync.Mutex
	changes map[types.NamespacedName]change.Change
	pauses  map[types.NamespacedName]pause
	edited  map[string]time.Time
	told    map[string]map[string]bool // what people waited for, by comment
	failed  map[types.NamespacedName]int
	tips    map[string]string    // the commits of branches at the last push, by repository and name
	glances map[string]glance    // what was seen of applications on their way, by name
	first   map[string]string    // the commits at which looks found those branches first
	forgot  bool                 // whether some of those were forgotten
	swept   map[string]time.Time // up to when what forges remember was read, by what
}

// remembered bounds each map of a memory. Beyond it everything is forgotten: it is computed or counted again.
const remembered = 256

func newMemory() *memory {
	return &memory{changes: map[types.NamespacedName]change.Change{}, pauses: map[types.NamespacedName]pause{}, edited: map[string]time.Time{}, told: map[string]map[string]bool{}, failed: map[types.NamespacedName]int{},
		swept: map[string]time.Time{}, tips: map[string]string{}, first: map[string]string{}, glances: map[string]glance{}}
}

// glance is what was found at an application that is on its way, and when.
type glance struct {
	at    time.Time
	found []string
}

// glanceEvery is the least time between two questions to a cluster about one application that is on its way.
const glanceEvery = 3 * time.Second

// glance recalls what was found a moment ago.
func (m *memory) glance(app string, now time.Time) ([]string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g, ok := m.glances[app]
	return g.found, ok && now.Sub(g.at) < glanceEvery
}

func (m *memory) glanced(app string, g glance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.glances) >= remembered {
		clear(m.glances)
	}
	m.glances[app] = g
}

// sweptAgain is how much of what a forge remembers is read again at the next sweep: clocks differ, and a delivery may be tried several times.
const sweptAgain = time.Hour

// since says from when on something that a forge remembers is to be read; after a start, all that it may still be good for.
func (m *memory) since(what string, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if read, ok := m.swept[what]; ok {
		return read.Add(-sweptAgain)
	}
	return now.Add(-deliveryWindow)
}

// until notes that something was read up to now.
func (m *memory) until(what string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.swept[what] = now
}

func (m *memory) keep(key types.NamespacedName, c change.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.changes) >= remembered {
		clear(m.changes)
	}
	m.changes[key] = c
}

// change recalls the change of a pull request from base to head.
func (m *memory) change(key types.NamespacedName, base, head string) (change.Change, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.changes[key]
	return c, ok && c.Base == base && c.Head == head
}

// pause keeps what a look has read that has to wait.
func (m *memory) pause(key types.NamespacedName, p pause) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pauses) >= remembered {
		clear(m.pauses)
	}
	m.pauses[key] = p
}

// resume takes what a look has read that had to wait.
func (m *memory) resume(key types.NamespacedName) (pause, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.pauses[key]
	delete(m.pauses, key)
	return p, ok
}

// edit is one that a comment is to have.
type edit struct {
	comment string
	// news are what people wait for, such as that an environment is healthy, each in a word or two. What was not told in the comment before
	// is told at once; again it is told in its turn, so that what comes and goes does not flood.
	news []string
}

// mayEdit says whether a comment may be edited now, and if so notes that it is; else it says how long to wait.
func (m *memory) mayEdit(e edit, now time.Time, spacing time.Duration) (wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := m.told[e.comment]
	old := !slices.ContainsFunc(e.news, func(n string) bool { return !told[n] })
	if wait = m.edited[e.comment].Add(spacing).Sub(now); wait > 0 && old {
		return wait
	}
	m.note(e, now)
	return 0
}

// waitToEdit is how long it is until a comment may be edited again.
func (m *memory) waitToEdit(comment string, now time.Time, spacing time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.edited[comment].Add(spacing).Sub(now), 0)
}

// noteEdit notes an edit that is made whenever it comes.
func (m *memory) noteEdit(e edit, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(e, now)
}

// note is for who holds the lock.
func (m *memory) note(e edit, now time.Time) {
	if len(m.edited) >= remembered {
		clear(m.edited)
		clear(m.told)
	}
	m.edited[e.comment] = now
	for _, n := range e.news {
		if m.told[e.comment] == nil {
			m.told[e.comment] = map[string]bool{}
		}
		m.told[e.comment][n] = true
	}
}

// tip is the commit of a branch when pull requests into it were asked about last; "" when that is not known.
func (m *memory) tip(branch string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tips[branch]
}

func (m *memory) noteTip(branch, tip string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tips) >= remembered && m.tips[branch] == "" {
		clear(m.tips)
	}
	m.tips[branch] = tip
}

// unsure is a commit that nobody knows.
const unsure = "?"

// firstTip is the commit at which a look found a branch first; "" when none has looked, unsure while one is at it or when that was forgotten.
func (m *memory) firstTip(branch string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if tip, ok := m.first[branch]; ok || !m.forgot {
		return tip
	}
	return unsure
}

// findTip notes that a look is about to find out where a branch is. found tells where it was.
func (m *memory) findTip(branch string) (found func(tip string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first[branch] == "" {
		if len(m.first) >= remembered {
			clear(m.first)
			m.forgot = true
		}
		m.first[branch] = unsure
	}
	return func(tip string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.first[branch] == unsure {
			m.first[branch] = tip
		}
	}
}

// failure counts one more failed look, and says how many there were in a row.
func (m *memory) failure(key types.NamespacedName) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.failed) >= remembered && m.failed[key] == 0 {
		clear(m.failed)
	}
	m.failed[key]++
	return m.failed[key]
}

func (m *memory) success(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.failed, key)
}
