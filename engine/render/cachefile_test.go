package render

import (
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

func TestFilesOfAnotherVersionAreNotBelieved(t *testing.T) {
	q := question{key: "key", trusted: true}
	s := &stored{tool: Directory, digest: "d", traces: map[string]git.Trace{"": {{Path: "a", Op: git.Miss}}}, keep: true}
	text, name, err := pack(s, "version 1", q)
	if err != nil {
		t.Fatal(err)
	}
	if f := (&filed{name: name}); f.key() != "key" {
		t.Errorf("the name %s has key %s", name, f.key())
	}
	if got, err := unpack(text, "version 1", q); err != nil || got.digest != "d" {
		t.Errorf("the same version: %v %v", got, err)
	}
	for name, c := range map[string]struct {
		program string
		q       question
	}{
		"another version":  {"version 2", q},
		"another question": {"version 1", question{key: "other", trusted: true}},
		"another trust":    {"version 1", question{key: "key"}},
	} {
		if got, err := unpack(text, c.program, c.q); err == nil {
			t.Errorf("%s: it is believed: %v", name, got)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	q := question{key: "key", trusted: true}
	text, _, err := pack(&stored{tool: Directory, traces: map[string]git.Trace{}}, "v", q)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(layout))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := unpack(text, "v", q); err == nil && s == nil {
			t.Error("neither a result nor an error")
		}
	})
}
