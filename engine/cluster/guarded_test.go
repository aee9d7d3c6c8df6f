package cluster

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/slipway-cd/slipway/engine/settings"
)

// hostileServer is a registered cluster whose API server is its owner's.
func hostileServer(t *testing.T, serve http.HandlerFunc) dynamic.Interface {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	config, err := ways{}.restConfig(settings.Cluster{Server: server.URL, Access: settings.Access{BearerToken: "ours"}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

var secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}

// TestAServerLeadsNowhere has an API server send us to where a cloud keeps its secrets, by each way that HTTP has.
func TestAServerLeadsNowhere(t *testing.T) {
	var reached atomic.Int64
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		_, _ = io.WriteString(w, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"the-clouds-key"}}`)
	}))
	defer metadata.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := hostileServer(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, metadata.URL+"/latest/meta-data", status)
		})
		got, err := client.Resource(secrets).Namespace("x").Get(t.Context(), "y", metav1.GetOptions{})
		if err == nil || got != nil || !strings.Contains(err.Error(), "sends us elsewhere") || strings.Contains(err.Error(), metadata.URL) {
			t.Errorf("%d: %v, %v", status, got, err)
		}
		if _, err := client.Resource(secrets).Watch(t.Context(), metav1.ListOptions{}); err == nil {
			t.Errorf("%d: a watch is led elsewhere", status)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests went where the server wanted them", n)
	}
}

// TestAnEndlessAnswerEnds has an API server answer without end, packed so that it costs it nothing.
func TestAnEndlessAnswerEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a quarter of a gigabyte")
	}
	client := hostileServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		filler := []byte(strings.Repeat(" ", 1<<20))
		for {
			if _, err := packed.Write(filler); err != nil {
				return
			}
		}
	})
	_, err := client.Resource(secrets).List(t.Context(), metav1.ListOptions{})
	if err == nil || !strings.Contains(err.Error(), "more than 256 MiB") {
		t.Errorf("it ended with %v", err)
	}
}
