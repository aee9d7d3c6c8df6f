package main

import (
	"bytes"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

func TestOthersWordsMoveNoCursor(t *testing.T) {
	for name, hostile := range map[string]string{
		"a title":            "app/\x1b]0;root@prod\a.yaml: no YAML",
		"an empty screen":    "\x1b[2Jall is well",
		"a line over":        "failed\rgood  ",
		"one byte for two":   "\u009b31m",
		"turned around":      "\u202elmay.ppa",
		"a byte on its own":  "\x9b31m",
		"a mark of no width": "pro\u200bd",
	} {
		var b bytes.Buffer
		n, err := plainly{&b}.Write([]byte(hostile + "\n\tnext\n"))
		if err != nil || n != len(hostile)+len("\n\tnext\n") {
			t.Errorf("%s: wrote %d (%v)", name, n, err)
		}
		if got := b.String(); strings.ContainsAny(got, "\x1b\a\r\u009b\u202e\u200b") || strings.ContainsRune(got, 0x9b) || !strings.HasSuffix(got, "\n\tnext\n") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := plain("größer — 日本\n"); got != "größer — 日本\n" {
		t.Errorf("plain words become %q", got)
	}
}

// TestANameOfAFileStaysAComment renders what stands in a file whose name goes on in another line.
func TestANameOfAFileStaysAComment(t *testing.T) {
	o := object.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "web"}}}}
	for _, end := range []string{"\n", "\r", "\u2028", "\u0085"} {
		o.Place.File = "web/a" + end + "kind: Secret" + end + "---\x1b[2J.yaml"
		var b bytes.Buffer
		r := rendering{objects: []object.Object{o}}
		if err := r.print(&b); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(b.String(), "\n"); lines != 6 || strings.ContainsAny(b.String(), "\x1b\r\u2028\u0085") {
			t.Errorf("%q", b.String())
		}
	}
}
