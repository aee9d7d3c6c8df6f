package helm

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/releaseutil"
)

var streams = []string{"", "---", "a: 1", "---\na: 1\n---\nb: 2\n", "a\n---\n---\nb", "a\n--- \n\t---\nb", "a ---\nb", "a\r\n---\r\nb\r\n", "a\n\n \n--- # c\nb",
	"----\na\n-----\nb", "a\n---b", "\n\n---\n\n\n---\n", "a: |\n  x\n  ---\n  y\n---\nb", "a\f\n---\fb", "a\v\n---\vb", "---\u00a0\na\n\u00a0---\nb\u2028\n---", "- ---\n---\n- -"}

// wanted is how Helm splits, in its order.
func wanted(text string) []string {
	docs := releaseutil.SplitManifests(text)
	var all []string
	for i := range len(docs) {
		all = append(all, docs[fmt.Sprintf("manifest-%d", i)])
	}
	return all
}

func TestStreamsAreSplitAsHelmDoes(t *testing.T) {
	for _, s := range streams {
		if diff := cmp.Diff(wanted(s), split(s)); diff != "" {
			t.Errorf("%q: (-Helm +ours)\n%s", s, diff)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range streams {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if diff := cmp.Diff(wanted(s), split(s)); diff != "" {
			t.Errorf("%q: (-Helm +ours)\n%s", s, diff)
		}
	})
}

func TestDocumentsAreReadOnce(t *testing.T) {
	var d documents
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}"
	one, err := d.decode(source{text: text, file: "x.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := d.decode(source{text: text, file: "x.yaml"})
	if err != nil || two.objects[0].Unstructured != one.objects[0].Unstructured {
		t.Errorf("read again: %v", err)
	}
	other, err := d.decode(source{text: text, file: "y.yaml"})
	if err != nil || other.objects[0].Place.File != "y.yaml" {
		t.Errorf("of another file: %v, %v", other.objects[0].Place, err)
	}
	for range 2 {
		if _, err := d.decode(source{text: "a: [", file: "x.yaml"}); err == nil {
			t.Error("no fault")
		}
	}
	for i := range 100 {
		if _, err := d.decode(source{text: fmt.Sprintf("%s\ndata: {a: '%0*d'}", text, maxRecent/10, i), file: "x.yaml"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.recent) + len(d.before); n > 20 {
		t.Errorf("%d documents are kept", n)
	}
}
