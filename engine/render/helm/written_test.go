package helm

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// plainValues are JSON of values, and whether they are written without the encoder.
var plainValues = map[string]bool{
	`{}`: true, `[]`: true, `null`: true, `true`: true, `"a"`: true, `12`: true, `1.5`: false, `""`: false, `"no"`: false, `"a b"`: false, `"1"`: false, `"a:"`: false, `"a:b"`: true,
	`{"b":{"c":[]},"a":{},"app.kubernetes.io/name":"x","appA":1,"app_b":null}`: true,
	`{"a":[{"b":1,"c":[{"d":"e"}]},"f",{"g":{"h":"/i"}}],"j":[1]}`:             true,
	`{"a":[["b"]]}`: false, `{"a b":1}`: false, `{"a1":1,"a10":2,"a9":3}`: false, `{"y":1}`: false,
	`[{"a":{"b":"c"}},{}]`: true, `{"a":{"b":{"c":{"d":{"e":[{"f":[]}]}}}}}`: true, `-3`: true, `1e20`: false, `{"aB":1,"ab":2,"AB":3,"a-b":4,"a/b":5,"a":6}`: true,
}

func TestWrittenAsTheEncoderWrites(t *testing.T) {
	for text, plainly := range plainValues {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if _, ok := written(v); ok != plainly {
			t.Errorf("%s is written without the encoder: %v, want %v", text, ok, plainly)
		}
		asEncoded(t, v)
	}
}

func asEncoded(t *testing.T, v any) {
	t.Helper()
	got, ok := written(v)
	if !ok {
		return
	}
	want, err := yaml.Marshal(v)
	if err != nil || got != strings.TrimSuffix(string(want), "\n") {
		t.Errorf("written %q, the encoder writes %q; %v", got, want, err)
	}
}

func FuzzWritten(f *testing.F) {
	for text := range plainValues {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			asEncoded(t, v)
		}
	})
}
