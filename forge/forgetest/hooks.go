package forgetest

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

func deliveries(t *testing.T, w World) {
	number, head := pull(t, w)
	w.People.Comment(t, number, "alice", "/diff")
	pushed := w.People.Push(t, number)
	heads, asked := map[string]bool{}, 0
	for _, e := range events(t, w) {
		if e.Ignored != "" {
			continue
		}
		if e.Delivery == "" || e.Name == "" {
			t.Errorf("an event without id or name: %+v", e)
		}
		equal(t, "repository of "+e.Name, e.Repository.ID, w.Repository.ID)
		equal(t, "clone URL in "+e.Name, e.Repository.CloneURL, w.Repository.CloneURL)
		equal(t, "host in "+e.Name, e.Repository.Host, w.Repository.Host)
		equal(t, "installation in "+e.Name, e.Repository.Installation, w.Repository.Installation)
		if e.Number == number {
			asked++
			heads[e.SHA] = true
		}
	}
	if asked < 3 || !heads[head] || !heads[pushed] {
		t.Errorf("the pull request was named %d times, with heads %v", asked, heads)
	}
}

// events are the deliveries so far, verified.
func events(t *testing.T, w World) []forge.Event {
	t.Helper()
	var all []forge.Event
	for _, d := range w.Ledger.Deliveries(t) {
		e, err := w.Verifier.Verify(d.Header, d.Body)
		if err != nil {
			t.Fatalf("a genuine delivery: %v", err)
		}
		all = append(all, e)
	}
	return all
}

func tampered(t *testing.T, w World) {
	pull(t, w)
	sent := w.Ledger.Deliveries(t)
	d := sent[len(sent)-1]
	tries := map[string]Delivery{
		"body with a space more": {d.Header, append(bytes.Clone(d.Body), ' ')},
		"empty body":             {d.Header, nil},
		"no headers":             {http.Header{}, d.Body},
	}
	for name := range d.Header {
		without := d.Header.Clone()
		without.Del(name)
		if _, err := w.Verifier.Verify(without, d.Body); err != nil && !errors.Is(err, forge.ErrSignature) && !errors.Is(err, forge.ErrMalformed) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for name, try := range tries {
		if _, err := w.Verifier.Verify(try.Header, try.Body); !errors.Is(err, forge.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	again := one(w.Verifier.Verify(d.Header, d.Body))(t)
	equal(t, "the id when it is sent again", again.Delivery, one(w.Verifier.Verify(d.Header, d.Body))(t).Delivery)
}

func ownComment(t *testing.T, w World) {
	number, _ := pull(t, w)
	before := len(w.Ledger.Deliveries(t))
	one(w.Forge.CreateComment(t.Context(), w.Repository, number, "report"))(t)
	for _, e := range events(t, w)[before:] {
		if e.Ignored == "" {
			t.Errorf("our own comment makes work: %+v", e)
		}
	}
}
