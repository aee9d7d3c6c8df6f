package compare

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

func TestSecretsShowOnlyWhichKeysChange(t *testing.T) {
	before := parse(t, `
apiVersion: v1
kind: Secret
metadata: {name: s, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"old":"b2xk"}}'}}
data: {moved: bW92ZWQ=, old: b2xk, new: bmV3, wrapped: "d3JhcHBl\nZA=="}
`)
	after := parse(t, `
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {old: b3RoZXI=, wrapped: d3JhcHBlZA==}
stringData: {moved: moved, added: x}
`)
	d := Resource(object.IDOf(before), before, after)
	want := `apiVersion: v1
kind: Secret
metadata:
  name: s
data:
  added: (value added)
  moved: (unchanged)
  old: (value changed)
  wrapped: (unchanged)
`
	if diff := cmp.Diff(want, d.After); diff != "" {
		t.Error(diff)
	}
	want = `@@ -3,7 +3,7 @@
 metadata:
   name: s
 data:
+  added: (value added)
   moved: (unchanged)
-  new: (value removed)
-  old: (value before)
+  old: (value changed)
   wrapped: (unchanged)
`
	if diff := cmp.Diff(want, d.Text); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"data"}, d.Fields); diff != "" {
		t.Error(diff)
	}
}

func TestMaskHidesSecretsWhereverTheyStand(t *testing.T) {
	for name, text := range map[string]string{
		"secret":           "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: HUSH}\nstringData: {l: HUSH}\n",
		"list":             "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {k: HUSH}}]\n",
		"secret list":      "apiVersion: v1\nkind: SecretList\nitems: [{metadata: {name: s}, data: {k: HUSH}}, HUSH]\n",
		"not a list":       "apiVersion: v1\nkind: SecretList\nitems: {metadata: {name: s}, data: {k: HUSH}}\n",
		"embedded":         "apiVersion: x/v1\nkind: Template\nspec: {object: {kind: Secret, stringData: {k: HUSH}}}\n",
		"data is a string": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: HUSH\n",
		"value is a map":   "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: {l: HUSH}}\nstringData: {m: [HUSH]}\n",
		"number":           "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {m: 5, n: HUSH}\n",
		"misspelt field":   "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndatas: {k: HUSH}\nk: HUSH\n",
		"metadata value":   "apiVersion: v1\nkind: Secret\nmetadata: {name: s, password: HUSH, labels: HUSH}\n",
		"wrong case":       "apiVersion: v1\nkind: secret\nmetadata: {name: s}\ndata: {k: HUSH}\n",
		"no version":       "kind: Secret\ndata: {k: HUSH}\n",
		"last applied":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s, annotations: {kubectl.kubernetes.io/last-applied-configuration: HUSH}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			u := parse(t, text)
			quiet := func(what string, v any) {
				if b, err := json.Marshal(v); err != nil || strings.Contains(string(b), "HUSH") {
					t.Errorf("%s: %s %v", what, b, err)
				}
			}
			quiet("mask", Mask(u).Object)
			for _, other := range []*unstructured.Unstructured{nil, parse(t, strings.ReplaceAll(text, "HUSH", "HUSH2")), parse(t, deployment)} {
				quiet("removed", Resource(object.IDOf(u), u, other))
				quiet("added", Resource(object.IDOf(u), other, u))
			}
			if !strings.Contains(document(u), "HUSH") {
				t.Error("the object given was changed")
			}
		})
	}
}

func TestReferencesToSecretsAreShown(t *testing.T) {
	u := parse(t, "apiVersion: g/v1\nkind: Gateway\nspec: {certificateRefs: [{kind: Secret, name: tls}], schema: {annotations: {}}}\n")
	if diff := cmp.Diff(document(u), document(Mask(u))); diff != "" {
		t.Error(diff)
	}
}

// Whatever the values are, the output of two pairs of Secrets with the same keys and the same equalities is the same byte for
// byte: so nothing of a value, nor its length or hash, is in it.
func FuzzSecretOutputDoesNotDependOnValues(f *testing.F) {
	f.Add(uint64(1), "a", "b", "c")
	f.Add(uint64(2), "-", "", "true")
	f.Add(uint64(3), "(unchanged)", "x\ny", "ä")
	f.Fuzz(func(t *testing.T, seed uint64, x, y, z string) {
		values := []string{x, y, z}
		if x == y || y == z || x == z {
			t.Skip()
		}
		reference := []string{"one", "twotwo", "threethree!"}
		got, want := secretPair(seed, values), secretPair(seed, reference)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSecretOutputDoesNotDependOnValues(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 500 {
		value := func() string {
			b := make([]byte, 9+r.IntN(40))
			for i := range b {
				b[i] = byte(r.UintN(256))
			}
			return string(b)
		}
		values := []string{value(), value(), value()}
		seed := r.Uint64()
		d := secretPair(seed, values)
		if diff := cmp.Diff(secretPair(seed, []string{"one", "twotwo", "threethree!"}), d); diff != "" {
			t.Fatal(diff)
		}
		out := fmt.Sprintf("%+v", d)
		for _, v := range values {
			if strings.Contains(out, v) || strings.Contains(out, base64.StdEncoding.EncodeToString([]byte(v))) {
				t.Fatalf("a value is shown: %s", out)
			}
		}
	}
}

// secretPair builds two Secrets whose keys and equalities depend on the seed alone, with the values given.
func secretPair(seed uint64, values []string) Difference {
	r := rand.New(rand.NewPCG(seed, 0))
	secret := func() *unstructured.Unstructured {
		data, text := map[string]any{}, map[string]any{}
		for i := range 6 {
			v := values[r.IntN(len(values))]
			switch r.IntN(3) {
			case 0:
				data[fmt.Sprintf("key%d", i)] = base64.StdEncoding.EncodeToString([]byte(v))
			case 1:
				text[fmt.Sprintf("key%d", i)] = v
			}
		}
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret",
			"metadata": map[string]any{"name": "s"}, "data": data, "stringData": text}}
	}
	return Resource(object.ID{Kind: "Secret", Name: "s"}, secret(), secret())
}

func TestAnnotationsThatAreAsSecretAsTheData(t *testing.T) {
	of := func(kind, value string) *unstructured.Unstructured {
		return parse(t, "apiVersion: v1\nkind: "+kind+"\nmetadata: {name: s, annotations: {vault/token: "+value+", note: seen}}\n")
	}
	d := Resource(object.ID{Kind: "Secret", Name: "s"}, of("Secret", "HUSH1"), of("Secret", "HUSH2"), "vault/token", "other")
	if text := d.Before + d.After + d.Text; strings.Contains(text, "HUSH") || !strings.Contains(text, "note: seen") || d.Kind != Changed {
		t.Errorf("%s:\n%s", d.Kind, text)
	}
	if text := document(Mask(of("Secret", "HUSH"), "vault/token")); strings.Contains(text, "HUSH") {
		t.Error(text)
	}
	if d := Resource(object.ID{Kind: "ConfigMap", Name: "s"}, nil, of("ConfigMap", "shown"), "vault/token"); !strings.Contains(d.After, "shown") {
		t.Error("what is no Secret is masked")
	}
}
