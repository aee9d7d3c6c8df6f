package git_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// TestPullRequestsShareConversations fetches the heads of many pull requests at once, one of which is not there.
func TestPullRequestsShareConversations(t *testing.T) {
	u := newUpstream(t)
	u.commit("base", map[string]string{"a.txt": "0"})
	u.push("main")
	const many = 20
	heads := map[string]git.Hash{}
	for i := range many {
		ref := fmt.Sprintf("refs/pull/%d/head", i+1)
		heads[ref] = u.commit("change", map[string]string{"a.txt": fmt.Sprint(i + 1)})
		u.push("HEAD:" + ref)
	}
	for name, missing := range map[string]bool{"all there": false, "one gone": true} {
		t.Run(name, func(t *testing.T) {
			m := u.mirror()
			fetch(t, m)
			before, hold := u.fetches.Load(), make(chan struct{})
			u.mu.Lock()
			u.hold = hold
			u.mu.Unlock()
			var wg sync.WaitGroup
			for ref, head := range heads {
				wg.Go(func() {
					if err := m.FetchPulls(t.Context(), nil, ref); err != nil || !m.Pulls().Has(t.Context(), head) {
						t.Errorf("%s is not there: %v", ref, err)
					}
				})
			}
			if missing {
				wg.Go(func() {
					if err := m.FetchPulls(t.Context(), nil, "refs/pull/99/head"); !errors.Is(err, git.ErrUnknownRevision) {
						t.Errorf("a ref that is gone: %v", err)
					}
				})
			}
			close(hold)
			wg.Wait()
			if n := u.fetches.Load() - before; !missing && n >= many {
				t.Errorf("%d callers took %d conversations", many, n)
			}
		})
	}
}

// TestWhoAsksLaterSeesWhatCameBetween moves a ref between two callers: the second gets what it was moved to.
func TestWhoAsksLaterSeesWhatCameBetween(t *testing.T) {
	u := newUpstream(t)
	u.commit("base", map[string]string{"a.txt": "0"})
	u.push("main", "HEAD:refs/pull/1/head")
	m := u.mirror()
	fetch(t, m)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err != nil {
				t.Error(err)
			}
		})
	}
	moved := u.commit("change", map[string]string{"a.txt": "1"})
	u.push("HEAD:refs/pull/1/head")
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err != nil || !m.Pulls().Has(t.Context(), moved) {
		t.Errorf("the head that was pushed before is not there: %v", err)
	}
	wg.Wait()
}
