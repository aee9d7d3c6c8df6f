package compare

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	if err := json.Unmarshal(b, &u.Object); err != nil { // numbers as the client decodes them
		t.Fatal(err)
	}
	return u
}

func TestDocumentReadsAsPeopleWriteIt(t *testing.T) {
	u := parse(t, `
spec: {template: {spec: {containers: [{args: ["--a", "-b", "on"], image: "nginx:1.27", name: web, ports: [{containerPort: 80}]}], nodeSelector: {}}}, replicas: 3}
kind: Deployment
data:
  app.conf: "listen 80;  \n\nroot /srv;\n"
  indented: "  a\nb"
  windows: "a\r\n b\r\n"
  empty: ""
metadata: {labels: {b: "true", a: "1"}, name: web, annotations: {x: 'say: "hi"'}, namespace: shop}
apiVersion: apps/v1
`)
	want := `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels:
    a: "1"
    b: "true"
  annotations:
    x: "say: \"hi\""
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: web
        image: nginx:1.27
        args:
        - --a
        - -b
        - "on"
        ports:
        - containerPort: 80
      nodeSelector: {}
data:
  app.conf: |
    listen 80;  

    root /srv;
  empty: ""
  indented: |2-
      a
    b
  windows: "a\r\n\
    \ b\r\n"
`
	if diff := cmp.Diff(want, document(u)); diff != "" {
		t.Error(diff)
	}
}

func FuzzDocumentSaysWhatTheObjectIs(f *testing.F) {
	for _, s := range []string{"", "a", " a\n", "a\n\n", "\n", "\n\na", "a\n   \nb", "a\n   ", "\ta\nb", "- a", "a: b", "a #b", "null", "0x1f", "1e3", "12:30",
		"2024-01-02", "a\r\nb", " a\r\n  b", "\u202ea", "é\nü", "---", "--- a\nb", "...", "=", "<<", "key:", "? a", "*x", "&x", "!x", "%x", "@x", "`x", "'x'", `"x"`,
		"a\n\n\n", "x\t", "a\n\tb\n", "1.", "+.5", "0o7", "08", "-", "~", "0B00", "Yes", "y", "{a}", "[a]", "a, b", "\x00", "\u0085\n", "\ufeff", "(value changed)"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if !utf8.ValidString(key) || !utf8.ValidString(value) || len(key) > 200 {
			t.Skip()
		}
		object := map[string]any{key: value, "list": []any{value, []any{value}, map[string]any{"k": value, "l": []any{key}}}, "map": map[string]any{key: []any{value}}}
		text := document(&unstructured.Unstructured{Object: object})
		got := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		if diff := cmp.Diff(object, got); diff != "" {
			t.Errorf("%s\n%s", diff, text)
		}
		if strings.ContainsAny(text, "\x00\x1b\r\u202e") {
			t.Errorf("unseen characters in %q", text)
		}
	})
}
