package compare

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// document writes u as YAML for people to compare line by line: the keys that say what an object is come first and the rest is
// sorted, and a string of several lines is a block, even with trailing spaces, so that a file in a ConfigMap reads as a
// file. It is our own writer because the common ones give up on blocks there, and break long lines.
func document(u *unstructured.Unstructured) string {
	if u == nil {
		return ""
	}
	w := &writer{}
	w.mapping(u.Object, 0, topFirst, false)
	return w.String()
}

// The order of keys: those listed come first, in this order, and then the others by name.
var (
	topFirst    = []string{"apiVersion", "kind", "metadata", "type", "immutable", "spec", "data", "stringData", "binaryData"}
	nestedFirst = []string{"apiVersion", "kind", "metadata", "name", "generateName", "namespace", "labels", "annotations", "image"}
)

type writer struct{ strings.Builder }

// mapping writes the entries of m; inline says that the first follows the dash of a list item.
func (w *writer) mapping(m map[string]any, indent int, first []string, inline bool) {
	for i, k := range ordered(m, first) {
		if i > 0 || !inline {
			w.pad(indent)
		}
		w.WriteString(scalarString(k) + ":")
		w.value(m[k], indent, false)
	}
}

// value writes what follows a key or a dash, up to and with the end of the line.
func (w *writer) value(v any, indent int, inList bool) {
	switch x := v.(type) {
	case map[string]any:
		switch {
		case len(x) == 0:
			w.WriteString(" {}\n")
		case inList:
			w.WriteString(" ")
			w.mapping(x, indent+2, nestedFirst, true)
		default:
			w.WriteString("\n")
			w.mapping(x, indent+2, nestedFirst, false)
		}
	case []any:
		w.list(x, indent, inList)
	case string:
		w.text(x, indent)
	default:
		w.WriteString(" " + scalar(v) + "\n")
	}
}

func (w *writer) list(items []any, indent int, inList bool) {
	if len(items) == 0 {
		w.WriteString(" []\n")
		return
	}
	w.WriteString("\n")
	if inList {
		indent += 2
	}
	for _, item := range items {
		w.pad(indent)
		w.WriteString("-")
		w.value(item, indent, true)
	}
}

func (w *writer) text(s string, indent int) {
	switch {
	case !strings.Contains(s, "\n"):
		w.WriteString(" " + scalarString(s) + "\n")
	case blockSafe(s):
		w.block(s, indent+2)
	default:
		w.folded(s, indent+2)
	}
}

// block writes a literal block scalar.
func (w *writer) block(s string, indent int) {
	w.WriteString(" |")
	if s[0] == ' ' || s[0] == '\n' || s[0] == '\t' {
		w.WriteString("2") // the reader cannot see the indentation from the first line
	}
	body := strings.TrimRight(s, "\n")
	switch trailing := len(s) - len(body); {
	case trailing == 0:
		w.WriteString("-")
	case trailing > 1 || body == "":
		w.WriteString("+")
	}
	w.WriteString("\n")
	body = strings.TrimSuffix(s, "\n")
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			w.pad(indent)
		}
		w.WriteString(line + "\n")
	}
}

// folded writes a string that holds unprintable characters (a carriage return, an escape) between double quotes, still one line
// for a line.
func (w *writer) folded(s string, indent int) {
	w.WriteString(` "`)
	first := true
	for line := range strings.Lines(s) {
		if !first {
			w.WriteString("\\\n")
			w.pad(indent)
			if line[0] == ' ' {
				w.WriteString(`\`) // or it would be taken for indentation
			}
		}
		first = false
		w.WriteString(escape(line))
	}
	w.WriteString("\"\n")
}

func (w *writer) pad(n int) {
	for range n {
		w.WriteByte(' ')
	}
}

// ordered are the keys of m: first those of first, then the others by name.
func ordered(m map[string]any, first []string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	rank := func(k string) int {
		if i := slices.Index(first, k); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if ra, rb := rank(a), rank(b); ra != rb {
			return ra - rb
		}
		return strings.Compare(a, b)
	})
	return keys
}

func scalar(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case int:
		return strconv.Itoa(x)
	case float64:
		// As JSON writes it: 1 for 1.0, so that one number has one form.
		b, err := json.Marshal(x)
		if err != nil {
			return strconv.Quote(fmt.Sprint(x))
		}
		return string(b)
	case string:
		return scalarString(x)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return strconv.Quote(fmt.Sprint(v))
	}
	return string(b)
}

var (
	plain = regexp.MustCompile(`^[A-Za-z0-9_./(+$^~<;-][A-Za-z0-9_./()+$^~<>;:,=@%!?*&|'" \[\]{}-]*$`)
	// What YAML 1.1 or 1.2 would read as something other than a string.
	word   = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|~|<<|=|[-+]?\.inf|\.nan)$`)
	number = regexp.MustCompile(`(?i)^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9_]+([eE][-+]?[0-9]+)?|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)
	date   = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?$`)
)

// scalarString writes a string of one line, bare where no reader could take it for anything else.
func scalarString(s string) string {
	bare := plain.MatchString(s) && !word.MatchString(s) && !number.MatchString(s) && !date.MatchString(s) &&
		!strings.Contains(s, ": ") && !strings.HasSuffix(s, ":") && !strings.Contains(s, " #") && !strings.HasSuffix(s, " ") &&
		s != "-" && !strings.HasPrefix(s, "- ") && !strings.HasPrefix(s, "---") && s != "..." && !strings.HasPrefix(s, "... ")
	if bare {
		return s
	}
	return `"` + escape(s) + `"`
}

// escape is the inside of a double-quoted scalar. Characters that cannot be seen, or that turn the direction of what follows,
// are written by their numbers.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case visible(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func visible(r rune) bool {
	return r == ' ' || unicode.IsPrint(r)
}

// blockSafe says whether s can stand in a literal block: every character is visible, and it is more than line ends.
func blockSafe(s string) bool {
	if strings.Trim(s, "\n ") == "" || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !visible(r) {
			return false
		}
	}
	return true
}
