package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// TestWhatCouldNotBeReadIsNotGone asks for a cluster before the settings could be read: only one that they do not name is at fault.
func TestWhatCouldNotBeReadIsNotGone(t *testing.T) {
	for unread, fault := range map[bool]bool{true: false, false: true} {
		for _, d := range []argo.ApplicationDestination{{Name: "prod"}, {Server: "https://prod.example.com"}} {
			_, err := find(settings.Settings{Unread: unread}, d, false)
			var unknown *DestinationError
			if err == nil || errors.As(err, &unknown) != fault {
				t.Errorf("unread %v, %+v: %v", unread, d, err)
			}
		}
	}
}

func TestLimitNarrowsWhenTheServerComplainsAndLetsEverybodyThrough(t *testing.T) {
	var l limit
	var now, most, asked atomic.Int64
	transport := l.around(roundTripper(func(*http.Request) (*http.Response, error) {
		defer now.Add(-1)
		n := now.Add(1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		status := http.StatusOK
		if asked.Add(1) < 200 {
			status = http.StatusTooManyRequests
		}
		return &http.Response{StatusCode: status}, nil
	}))
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := transport.RoundTrip(r); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() > widest {
		t.Errorf("%d requests at once", most.Load())
	}
	if l.running != 0 || len(l.waiting) != 0 || l.width >= widest || l.width < narrowest {
		t.Errorf("%+v", &l)
	}
}

func TestLimitLeavesTheQueueWhenTheCallerDoes(t *testing.T) {
	l := limit{width: narrowest}
	for range narrowest {
		if err := l.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range narrowest {
		l.leave(false)
	}
	if l.running != 0 || len(l.waiting) != 0 {
		t.Errorf("%+v", &l)
	}
}

func TestRetried(t *testing.T) {
	busy := apierrors.NewTooManyRequests("busy", 0)
	for name, c := range map[string]struct {
		errs  []error
		calls int
		fails bool
	}{
		"at once":          {nil, 1, false},
		"busy, then well":  {[]error{busy, apierrors.NewServiceUnavailable("x"), fmt.Errorf("dial: %w", syscall.ECONNREFUSED)}, 4, false},
		"for good":         {[]error{apierrors.NewForbidden(schema.GroupResource{}, "x", nil)}, 1, true},
		"busy all along":   {[]error{busy, busy, busy, busy, busy, busy}, attempts, true},
		"the caller's end": {[]error{context.DeadlineExceeded}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			_, err := retried(t.Context(), time.Minute, func(context.Context) (int, error) {
				calls++
				if calls <= len(c.errs) {
					return 0, c.errs[calls-1]
				}
				return 0, nil
			})
			if calls != c.calls || (err != nil) != c.fails {
				t.Errorf("%d calls, %v", calls, err)
			}
		})
	}
}

func TestFindingsAreSaidOnceInBounds(t *testing.T) {
	pod := func(name string) object.ID { return object.ID{Kind: "Pod", Name: name} }
	t1, t2 := time.Unix(100, 0), time.Unix(200, 0)
	d := diagnosis{
		states: []Finding{finding(pod("web-1"), "ImagePullBackOff", "no image", time.Time{}), finding(pod("web-2"), "ImagePullBackOff", "no image", t1)},
		events: []Finding{finding(pod("web-1"), "Failed", "pod web-1 failed", t1), finding(pod("web-2"), "Failed", "pod web-2 failed", t2), finding(pod("web-1"), "Old", "x", time.Unix(1, 0))},
	}
	want := []Finding{
		{Object: pod("web-1"), Reason: "ImagePullBackOff", Message: "no image", Count: 2, Last: t1},
		{Object: pod("web-1"), Reason: "Failed", Message: "pod web-1 failed", Count: 2, Last: t2},
		{Object: pod("web-1"), Reason: "Old", Message: "x", Count: 1, Last: time.Unix(1, 0)},
	}
	if diff := cmp.Diff(want, d.findings()); diff != "" {
		t.Error(diff)
	}
	if got := line("a\n\tb\x1b[31m c\u202e" + strings.Repeat("é", 1000)); len([]rune(got)) != messageMost || !strings.HasPrefix(got, "a b[31m cé") {
		t.Errorf("%q", got)
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"9", "10", true}, {"10", "9", false}, {"10", "10", false}, {"", "1", true}, {"x", "1", false}} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("older(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestFingerprintsTellCredentialsApart(t *testing.T) {
	of := func(token string) string {
		f, err := fingerprint(settings.Cluster{Name: "a", Access: settings.Access{BearerToken: settings.Hidden(token)}}, settings.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, again := of("a"), of("a")
	if first == of("b") || first != again {
		t.Error("a new token makes no new connection, or an old one does")
	}
}

// A cluster that is upgraded is asked for its version again when it is asked what it serves.
func TestAClusterIsUpgraded(t *testing.T) {
	var version atomic.Value
	version.Store("v1.35.4")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			fmt.Fprintf(w, `{"gitVersion": %q}`, version.Load())
		case "/api":
			fmt.Fprint(w, `{"kind": "APIVersions", "versions": []}`)
		case "/apis":
			fmt.Fprint(w, `{"kind": "APIGroupList", "apiVersion": "v1", "groups": []}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	clusters := NewClusters(Deps{})
	defer clusters.Close()
	c, err := clusters.connection(settings.Cluster{Name: "a", Server: server.URL}, &rest.Config{Host: server.URL}, settings.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.connect(t.Context()); err != nil || c.KubeVersion() != "v1.35.4" {
		t.Fatalf("%q %v", c.KubeVersion(), err)
	}
	version.Store("v1.36.3")
	if err := c.refresh(t.Context()); err != nil || c.KubeVersion() != "v1.36.3" {
		t.Errorf("after the upgrade %q %v", c.KubeVersion(), err)
	}
}

func TestTheConnectionToAClusterEndsWithItsRegistration(t *testing.T) {
	c := NewClusters(Deps{})
	defer c.Close()
	a, b := settings.Cluster{Name: "a", Server: "https://a.example.com"}, settings.Cluster{Name: "b", Server: "https://b.example.com"}
	connect := func(to settings.Cluster, registered ...settings.Cluster) *Cluster {
		t.Helper()
		cl, err := c.connection(to, &rest.Config{Host: to.Server}, settings.Settings{Clusters: registered})
		if err != nil {
			t.Fatal(err)
		}
		return cl
	}
	first := connect(a, a, b)
	if connect(b, a, b); connect(a, a, b) != first {
		t.Error("a connection is made anew although nothing has changed")
	}
	connect(b, b)
	if !first.cache.closed || len(c.open) != 1 {
		t.Errorf("%d connections are open after a cluster was taken from the list", len(c.open))
	}
}

// One server that is registered twice has two connections, and neither ends when the other is asked for.
func TestRegistrationsOfOneServerStandSideBySide(t *testing.T) {
	c := NewClusters(Deps{})
	defer c.Close()
	all := []settings.Cluster{{Name: "all", Server: "https://a.example.com"}, {Name: "shop", Project: "shop", Server: "https://a.example.com"}}
	var first [2]*Cluster
	for range 2 {
		for i, to := range all {
			cl, err := c.connection(to, &rest.Config{Host: to.Server}, settings.Settings{Clusters: all})
			if err != nil {
				t.Fatal(err)
			}
			if first[i] == nil {
				first[i] = cl
			}
			if cl != first[i] || cl.cache.closed {
				t.Errorf("the connection of %s is made anew, or closed", to.Name)
			}
		}
	}
	if first[0] == first[1] {
		t.Error("two registrations share one connection, and with it their rights")
	}
}

// What somebody deletes right after we wrote it is gone at once, and not shown for as long as a watch may be late.
func TestWhatWasJustWrittenIsGoneWhenTheServerSaysSo(t *testing.T) {
	form := func(version string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"namespace": "shop", "name": "a", "uid": "1", "resourceVersion": version}}}
	}
	keeps, err := newRecorder(trackingOf(settings.Defaults()), nil)
	if err != nil {
		t.Fatal(err)
	}
	var r recent
	s := &store{recorder: keeps, news: func(string, *record) {}, gone: r.gone}
	id := object.IDOf(form("7"))
	r.note(id, form("7"))
	s.remove(form("6")) // an earlier one of the name, of which the watch tells late
	if r.newer(id, nil) == nil {
		t.Error("what we wrote after a deletion is not shown")
	}
	s.remove(form("8"))
	if u := r.newer(id, nil); u != nil {
		t.Errorf("what was deleted is shown as %s", u.GetResourceVersion())
	}
}
