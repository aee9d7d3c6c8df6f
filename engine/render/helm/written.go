package helm

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
)

// written is the YAML that Helm's toYaml writes of a value that has only plain keys, words and numbers in it, as most that charts write do.
// It is not ok for any other: the encoder alone knows how each text is to be quoted and folded.
func written(v any) (text string, ok bool) {
	var w writer
	if !w.value(v, "", false) {
		return "", false
	}
	return strings.TrimPrefix(w.out.String(), " "), true
}

type writer struct {
	out   strings.Builder
	depth int
}

// maxWritten is how deep values may lie within each other.
const maxWritten = 50

// value writes what stands behind a key or an item's dash, or begins a line of its own where neither is there.
func (w *writer) value(v any, indent string, item bool) bool {
	if w.depth++; w.depth > maxWritten {
		return false
	}
	defer func() { w.depth-- }()
	switch v := v.(type) {
	case chartutil.Values:
		return w.mapping(v, indent, item)
	case map[string]any:
		return w.mapping(v, indent, item)
	case []any:
		return !item && w.list(v, indent)
	}
	word, ok := scalar(v)
	w.out.WriteString(" " + word)
	return ok
}

func (w *writer) mapping(m map[string]any, indent string, item bool) bool {
	if len(m) == 0 {
		w.out.WriteString(" {}")
		return m != nil
	}
	keys := slices.Collect(maps.Keys(m))
	for _, key := range keys {
		if !isKey(key) {
			return false
		}
	}
	slices.SortFunc(keys, inOrder)
	for i, key := range keys {
		if i == 0 && item {
			w.out.WriteString(" ")
		} else {
			w.line(indent)
		}
		w.out.WriteString(key + ":")
		below := indent
		if _, isList := m[key].([]any); !isList {
			below += "  "
		}
		if !w.value(m[key], below, false) {
			return false
		}
	}
	return true
}

// list writes items at the indent of the key that they are of.
func (w *writer) list(list []any, indent string) bool {
	if len(list) == 0 {
		w.out.WriteString(" []")
		return list != nil
	}
	for _, v := range list {
		w.line(indent)
		w.out.WriteString("-")
		if !w.value(v, indent+"  ", true) {
			return false
		}
	}
	return true
}

func (w *writer) line(indent string) {
	if w.out.Len() > 0 {
		w.out.WriteString("\n" + indent)
	}
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		whole := v == math.Trunc(v) && math.Abs(v) < 1e15 && (v != 0 || !math.Signbit(v))
		return strconv.FormatFloat(v, 'f', -1, 64), whole
	case string:
		return v, isWord(v)
	}
	return "", false
}

// isWord says whether a text is written without quotes, and surely on one line.
func isWord(s string) bool {
	if s == "" || len(s) > 70 || s[len(s)-1] == ':' || isSpecial(s) {
		return false
	}
	if c := s[0]; !isLetter(c) && c != '/' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '-' || c > ':') && c != '_' && c != '@' { // that is, digits and -./: too
			return false
		}
	}
	return true
}

// isKey is isWord for a key. Digits are not for it, as keys with numbers in them are ordered by these.
func isKey(s string) bool { return isWord(s) && !strings.ContainsAny(s, ":0123456789") }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isSpecial says whether a word stands for something else than itself.
func isSpecial(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "true", "on", "n", "no", "false", "off", "null":
		return true
	}
	return false
}

// inOrder is the order in which the encoder writes keys without digits: letters behind all else.
func inOrder(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		switch x, y := isLetter(a[i]), isLetter(b[i]); {
		case x == y:
			return int(a[i]) - int(b[i])
		case x:
			return 1
		}
		return -1
	}
	return len(a) - len(b)
}
