package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/slipway-cd/slipway/engine/compare"
)

// tongue is the API server's protocol, by a script: each request for ConfigMaps is answered by the next entry.
type tongue struct {
	t      *testing.T
	mu     sync.Mutex
	script []func(http.ResponseWriter, *http.Request)
	asked  []string
}

func (s *tongue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	q := r.URL.Query()
	said := "list"
	if q.Get("watch") == "true" {
		said = "watch " + q.Get("resourceVersion")
		if q.Get("sendInitialEvents") == "true" {
			said = "stream"
		}
	}
	if q.Get("continue") != "" {
		said = "more " + q.Get("continue")
	}
	s.asked = append(s.asked, said)
	var answer func(http.ResponseWriter, *http.Request)
	if len(s.script) > 0 {
		answer, s.script = s.script[0], s.script[1:]
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if answer == nil { // the end of the script: a watch that stays
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	answer(w, r)
}

func named(name, version string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "n", "uid": name, "resourceVersion": version}}
}

func parsed(t testing.TB, from map[string]any) *unstructured.Unstructured {
	t.Helper()
	return (&unstructured.Unstructured{Object: from}).DeepCopy()
}

func events(lines ...any) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(lines); i += 2 {
			_ = json.NewEncoder(w).Encode(map[string]any{"type": lines[i], "object": lines[i+1]})
		}
	}
}

func told(version string) map[string]any {
	u := named("", version)
	u["metadata"] = map[string]any{"resourceVersion": version, "annotations": map[string]any{"k8s.io/initial-events-end": "true"}}
	return u
}

func refuse(code int, reason string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(status(code, reason))
	}
}

func status(code int, reason string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason}
}

func page(version, more string, names ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		items := []any{}
		for _, n := range names {
			items = append(items, named(n, version))
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "ConfigMapList", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": version, "continue": more}, "items": items})
	}
}

func TestAFeedTakesWhatTheServerCanGive(t *testing.T) {
	for name, c := range map[string]struct {
		script []func(http.ResponseWriter, *http.Request)
		want   []string // names in the store in the end
		asked  []string
		failed int // at least
	}{
		"a stream, then changes": {[]func(http.ResponseWriter, *http.Request){
			events("ADDED", named("a", "1"), "ADDED", named("b", "2"), "BOOKMARK", told("5"), "ADDED", named("c", "6"), "DELETED", named("a", "7"), "MODIFIED", named("b", "8")),
		}, []string{"b", "c"}, []string{"stream", "watch 8"}, 0},
		"a server that cannot stream": {[]func(http.ResponseWriter, *http.Request){
			refuse(422, "Invalid"), page("5", "more", "a", "b"), page("5", "", "c"), events("DELETED", named("b", "6")),
		}, []string{"a", "c"}, []string{"stream", "list", "more more", "watch 5", "watch 6"}, 0},
		"a server that streams without an end": {[]func(http.ResponseWriter, *http.Request){
			func(w http.ResponseWriter, r *http.Request) {
				events("ADDED", named("a", "1"))(w, r)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}, page("5", "", "a", "b"),
		}, []string{"a", "b"}, []string{"stream", "list", "watch 5"}, 0},
		"a watch that ends, and goes on where it was": {[]func(http.ResponseWriter, *http.Request){
			events("ADDED", named("a", "1"), "BOOKMARK", told("5")), events("BOOKMARK", told("9")), events("ADDED", named("b", "10")),
		}, []string{"a", "b"}, []string{"stream", "watch 5", "watch 9", "watch 10"}, 0},
		"a version that is too old": {[]func(http.ResponseWriter, *http.Request){
			events("ADDED", named("a", "1"), "ADDED", named("b", "2"), "BOOKMARK", told("5")), events("ERROR", status(410, "Expired")), events("ADDED", named("c", "20"), "BOOKMARK", told("21")),
		}, []string{"c"}, []string{"stream", "watch 5", "stream", "watch 21"}, 0},
		"a version that is too old at once": {[]func(http.ResponseWriter, *http.Request){
			events("ADDED", named("a", "1"), "BOOKMARK", told("5")), refuse(410, "Gone"), events("ADDED", named("c", "20"), "BOOKMARK", told("21")),
		}, []string{"c"}, []string{"stream", "watch 5", "stream", "watch 21"}, 0},
		"a stream that breaks off before all was told": {[]func(http.ResponseWriter, *http.Request){
			events("ADDED", named("a", "1")), events("ADDED", named("b", "1"), "BOOKMARK", told("5")),
		}, []string{"b"}, []string{"stream", "stream", "watch 5"}, 0},
		"what may not be read, and then may": {[]func(http.ResponseWriter, *http.Request){
			refuse(403, "Forbidden"), events("ADDED", named("a", "1"), "BOOKMARK", told("5")),
		}, []string{"a"}, []string{"stream", "stream", "watch 5"}, 1},
		"a server in trouble": {[]func(http.ResponseWriter, *http.Request){
			refuse(500, "InternalError"), events("ADDED", named("a", "1"), "BOOKMARK", told("5")),
		}, []string{"a"}, []string{"stream", "stream", "watch 5"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait between attempts
			server := &tongue{t: t, script: c.script}
			address := httptest.NewServer(server)
			defer address.Close()
			client, err := dynamic.NewForConfig(&rest.Config{Host: address.URL})
			if err != nil {
				t.Fatal(err)
			}
			keeps, err := newRecorder(compare.Tracking{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var failures atomic.Int64
			gvr := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
			f := &feed{from: client.Resource(gvr), store: &store{recorder: keeps, news: func(string, *record) {}}, silence: time.Second, loads: make(chan struct{}, 1),
				failed: func(error) { failures.Add(1) }, well: func() {}}
			go f.run(ctx)
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for {
				var got []string
				f.store.each("", func(o *record) { got = append(got, o.name) })
				slices.Sort(got)
				server.mu.Lock()
				asked := slices.Clone(server.asked)
				server.mu.Unlock()
				if slices.Equal(got, c.want) && len(asked) >= len(c.asked) {
					if diff := cmp.Diff(c.asked, asked[:len(c.asked)]); diff != "" || int(failures.Load()) < c.failed {
						t.Errorf("%s\n%d failures", diff, failures.Load())
					}
					return
				}
				select {
				case <-ticker.C:
				case <-ctx.Done():
					t.Fatalf("have %v after %v", got, asked)
				}
			}
		})
	}
}

func TestAStoreTellsOfWhatMatters(t *testing.T) {
	keeps, err := newRecorder(compare.Tracking{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	s := &store{recorder: keeps, news: func(app string, o *record) { heard = append(heard, app+" "+o.name) }}
	put := func(name, version, app, data string, status any) {
		t.Helper()
		u := parsed(t, named(name, version))
		u.Object["data"] = map[string]any{"k": data}
		u.Object["status"] = status
		if app != "" {
			compare.Track(u, app, "n")
		}
		if err := s.put(u); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		heard = nil
	}
	s.replace(map[string]*record{})
	put("a", "1", "shop", "x", nil)
	expect("a new object", "shop a")
	put("a", "2", "shop", "x", map[string]any{"seen": true})
	expect("a status without health")
	put("a", "3", "shop", "y", nil)
	expect("its content", "shop a")
	put("a", "4", "stall", "y", nil)
	expect("another's", "shop a", "stall a")
	put("b", "5", "", "y", nil)
	expect("nobody's")
	s.remove(parsed(t, named("a", "6")))
	s.remove(parsed(t, named("b", "7")))
	expect("its end", "stall a")
	if len(s.all) != 0 || len(s.byApp) != 0 {
		t.Errorf("%v %v", s.all, s.byApp)
	}
}

// Only what is tracked or was asked for is kept whole, and nothing of it is lost by packing.
func TestAStoreKeepsWhatIsWanted(t *testing.T) {
	keeps, err := newRecorder(compare.Tracking{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{recorder: keeps, news: func(string, *record) {}}
	ours, theirs := parsed(t, named("ours", "1")), parsed(t, named("theirs", "2"))
	ours.Object["data"] = map[string]any{"text": strings.Repeat("long ", 1000), "odd": "\u2028\x00é"}
	ours.Object["numbers"] = []any{int64(1) << 60, 1.5, nil, true}
	compare.Track(ours, "shop", "n")
	for _, u := range []string{"ours", "theirs"} {
		o := ours
		if u == "theirs" {
			o = theirs
		}
		if err := s.put(o.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}
	if o := s.find("n/theirs"); o.packed != nil {
		t.Error("nobody's object is kept whole")
	}
	o := s.find("n/ours")
	if len(o.packed) > 1000 {
		t.Errorf("packed to %d bytes", len(o.packed))
	}
	back, err := s.unpack(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ours.Object, back.Object); diff != "" {
		t.Error(diff)
	}
	began := time.Unix(1000, 0)
	if err := s.ask(theirs, began); err != nil {
		t.Fatal(err)
	}
	if s.find("n/theirs").packed == nil {
		t.Error("what was asked for is not kept")
	}
	theirs.SetResourceVersion("3")
	if err := s.put(theirs); err != nil {
		t.Fatal(err)
	}
	if o := s.find("n/theirs"); o.packed == nil || o.version != "3" {
		t.Error("a change of what was asked for is not kept")
	}
	s.forgetAsked(began)
	if s.find("n/theirs").packed != nil || s.find("n/ours").packed == nil {
		t.Error("what nobody asks for any more is kept, or what is tracked is not")
	}
}

func TestLinks(t *testing.T) {
	for _, c := range []struct {
		claim, set string
		templates  []string
		want       bool
	}{{"data-db-0", "db", []string{"logs", "data"}, true}, {"data-db-12", "db", []string{"data"}, true}, {"data-db-x", "db", []string{"data"}, false},
		{"data-db-", "db", []string{"data"}, false}, {"data-dbx-0", "db", []string{"data"}, false}, {"data-db-0", "db", nil, false}} {
		if got := claimedBy(c.claim, c.set, c.templates); got != c.want {
			t.Errorf("%s of %s by %v: %v", c.claim, c.set, c.templates, got)
		}
	}
	if l := linksOf(parsed(t, map[string]any{"apiVersion": "v1", "kind": "PersistentVolume", "spec": map[string]any{"claimRef": "odd"}})); fmt.Sprint(l) != fmt.Sprint(links{}) {
		t.Errorf("%v", l)
	}
}

// Who waits for a kind is let go by what happens to it.
func TestWaitingForAKind(t *testing.T) {
	unlisted := func() *watched {
		return &watched{stores: []*store{{}}, stop: func() {}, changed: make(chan struct{})}
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "x", nil)
	for name, c := range map[string]struct {
		happens func(w *watched)
		want    error
	}{
		"it is listed":                       {func(w *watched) { w.well(1) }, nil},
		"it is refused":                      {func(w *watched) { w.note(forbidden) }, forbidden},
		"it is refused, and then listed":     {func(w *watched) { w.note(forbidden); w.well(1) }, nil},
		"it is watched no longer":            {func(w *watched) { w.end() }, errEnded},
		"it is watched no longer, then well": {func(w *watched) { w.end(); w.well(1) }, errEnded},
	} {
		t.Run(name, func(t *testing.T) {
			w := unlisted()
			c.happens(w)
			if err := w.wait(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("before: %v", err)
			}
			w = unlisted()
			done := make(chan error)
			go func() { done <- w.wait(t.Context()) }()
			c.happens(w)
			if err := <-done; !errors.Is(err, c.want) && c.want != nil {
				t.Errorf("meanwhile: %v", err)
			}
		})
	}
	w := unlisted()
	w.note(apierrors.NewInternalError(errors.New("conversion failed")))
	if err := w.wait(t.Context()); err == nil || !strings.Contains(err.Error(), "conversion failed") || !strings.Contains(err.Error(), troubleTimeout.String()) {
		t.Errorf("a kind in trouble: %v", err)
	}
}
