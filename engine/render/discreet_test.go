package render

import (
	"strings"
	"testing"
)

func TestMessagesDoNotQuote(t *testing.T) {
	for _, message := range []string{
		"yaml: unknown anchor 'hunter2' referenced",
		"line 4: cannot unmarshal !!str `hunter2` into map[string]string",
		`invalid map key: map[interface {}]interface {}{"hunter2":"x"}`,
		"loading KV pairs: literal sources [a=hunter2 hunter2]: invalid literal source hunter2, expected key=value",
		`loading KV pairs: env source files: [s.env]: "hunter2 x" is not a valid key name: a valid key must consist of alphanumeric characters`,
		"- at '/password': 'hunter2\\'s' does not match pattern '^[A-Z]+$'",
		"- at '/when': 'hunter2' is not valid date: no",
	} {
		if got := discreet(message); strings.Contains(got, "hunter2") {
			t.Errorf("%q became %q", message, got)
		}
	}
	const plain = "did not find expected '-' indicator"
	if got := discreet(plain); got != plain {
		t.Errorf("%q became %q", plain, got)
	}
}

func TestOverridesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		fine bool
	}{
		"plain":       {"helm: {releaseName: x}", true},
		"aliases":     {"a: &a xxxxxxxx\nhelm: {parameters: [*a, *a, *a]}", false},
		"merge key":   {"a: &a {b: c}\nhelm: {<<: *a}", false},
		"large":       {"helm: {values: " + strings.Repeat("x", maxOverride) + "}", false},
		"an asterisk": {"helm: {valueFiles: ['*.yaml', \"a&b\"]}", true},
	} {
		if err := plain([]byte(c.text)); (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
}
