// Package manifest turns the text of manifests into objects that know where they were written. All renderers end here.
package manifest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/object"
)

// Document is one YAML document of a stream.
type Document struct {
	Text []byte
	Line int // of the stream, at which Text begins; counts from 1
}

var byteOrderMark = []byte("\uFEFF")

// Plain yields text in UTF-8 without a byte order mark.
func Plain(text []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, byteOrderMark):
		return text[len(byteOrderMark):]
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	default:
		return text
	}
	units := make([]uint16, 0, len(text)/2)
	for b := text[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}

// Split cuts a stream into documents at lines that begin with "---". Documents of blanks and comments only are left out.
func Split(stream []byte) []Document {
	var docs []Document
	begin, line, first := 0, 0, 1
	keep := func(end, next int) {
		if text := stream[begin:end]; hasContent(text) {
			docs = append(docs, Document{Text: text, Line: first})
		}
		begin, first = next, line
	}
	for at := 0; at < len(stream); {
		line++
		end := len(stream)
		if i := bytes.IndexByte(stream[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if row := stream[at:end]; isMark(row, "---") {
			keep(at, at+3) // what follows on the line belongs to the document it begins
		} else if isMark(row, "...") {
			keep(at, end)
			first++
		}
		at = end
	}
	keep(len(stream), len(stream))
	return docs
}

func isMark(row []byte, mark string) bool {
	return bytes.HasPrefix(row, []byte(mark)) && (len(row) == 3 || strings.IndexByte(" \t\r\n", row[3]) >= 0)
}

func hasContent(text []byte) bool {
	_, ok := firstLine(text)
	return ok
}

// firstLine counts the lines before the first that says something.
func firstLine(text []byte) (int, bool) {
	n := 0
	for row := range bytes.Lines(text) {
		if row = bytes.TrimSpace(row); len(row) > 0 && row[0] != '#' {
			return n, true
		}
		n++
	}
	return 0, false
}

// Decode reads all documents of a stream. Lists are flattened, nulls are left out. What cannot be read, or is no object, is a
// Fault at its place within file; the objects before it are yielded too.
func Decode(stream []byte, file string) ([]object.Object, error) {
	var all []object.Object
	for _, d := range Split(Plain(stream)) {
		objects, err := d.Decode(file)
		if err != nil {
			return all, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

// Decode reads a document that stands in file.
func (d Document) Decode(file string) ([]object.Object, error) {
	value, err := d.value(file)
	if err != nil {
		return nil, err
	}
	return FromValue(value, object.Place{File: file, Line: d.FirstLine()})
}

// Value reads text as one document, into maps, lists, strings, booleans, int64 and float64.
func Value(text []byte, file string) (any, error) { return Document{Text: text, Line: 1}.value(file) }

func (d Document) value(file string) (any, error) {
	text := d.Text
	if marked := bytes.TrimLeft(text, " \t\r\n"); bytes.HasPrefix(marked, byteOrderMark) {
		text = marked[len(byteOrderMark):] // files that were put together keep the mark that each began with
	}
	if value, ok := Block(text, true); ok {
		return value, nil
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, d.fault(err, file)
	}
	var value any
	if err := utiljson.Unmarshal(asJSON, &value); err != nil {
		return nil, &object.Fault{Place: object.Place{File: file, Line: d.Line}, Message: Unreadable + err.Error()}
	}
	return value, nil
}

// FromJSON reads one JSON value: an object, a list of objects, or null.
func FromJSON(text []byte, place object.Place) ([]object.Object, error) {
	var value any
	if err := utiljson.Unmarshal(text, &value); err != nil {
		return nil, &object.Fault{Place: place, Message: "the JSON cannot be read: " + err.Error()}
	}
	return FromValue(value, place)
}

// FromValue reads a decoded value: an object, a list of objects, or nil.
func FromValue(value any, place object.Place) ([]object.Object, error) {
	if value == nil {
		return nil, nil
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, &object.Fault{Place: place, Message: fmt.Sprintf("expected an object, found %s", shape(value))}
	}
	kind, _ := m["kind"].(string)
	items, isList := m["items"].([]any)
	if strings.HasSuffix(kind, "List") && (isList || (m["items"] == nil && m["metadata"] == nil) || kind == "List") {
		return flatten(m, items, place)
	}
	if err := check(m, place); err != nil {
		return nil, err
	}
	return []object.Object{{Unstructured: &unstructured.Unstructured{Object: m}, Place: place}}, nil
}

// flatten yields the items of a list. Items of a typed list, as "ConfigMapList", may leave out what the list says.
func flatten(list map[string]any, items []any, place object.Place) ([]object.Object, error) {
	kind, _ := list["kind"].(string)
	kind = strings.TrimSuffix(kind, "List")
	var all []object.Object
	for n, item := range items {
		if m, ok := item.(map[string]any); ok && kind != "" && m["kind"] == nil {
			m["kind"] = kind
			if m["apiVersion"] == nil {
				m["apiVersion"] = list["apiVersion"]
			}
		}
		objects, err := FromValue(item, place)
		if f, ok := object.AsFault(err); ok {
			c := *f
			c.Field = strings.TrimSuffix(fmt.Sprintf("items[%d].%s", n, f.Field), ".")
			return nil, &c
		}
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

// check sees to it that an object can be told from others.
func check(m map[string]any, place object.Place) error {
	for _, field := range []string{"apiVersion", "kind"} {
		if err := checkString(m, field, field, place); err != nil {
			return err
		}
		if s, _ := m[field].(string); s == "" {
			return &object.Fault{Place: place, Field: field, Message: "is missing", Hint: "every manifest needs apiVersion and kind"}
		}
	}
	meta, ok := m["metadata"].(map[string]any)
	if !ok {
		return &object.Fault{Place: place, Field: "metadata", Message: "is missing", Hint: "every manifest needs metadata.name"}
	}
	for _, field := range []string{"name", "namespace", "generateName"} {
		if err := checkString(meta, field, "metadata."+field, place); err != nil {
			return err
		}
	}
	name, _ := meta["name"].(string)
	generate, _ := meta["generateName"].(string)
	if name == "" && generate == "" {
		return &object.Fault{Place: place, Field: "metadata.name", Message: fmt.Sprintf("is missing in this %s", m["kind"])}
	}
	for _, field := range []string{"labels", "annotations"} {
		if err := checkStrings(meta, field, place); err != nil {
			return err
		}
	}
	return nil
}

// checkString refuses what is there and no string, such as a name that is a number: read as a string it would be none at all.
func checkString(m map[string]any, key, field string, place object.Place) error {
	v, there := m[key]
	if _, ok := v.(string); ok || !there || v == nil {
		return nil
	}
	return &object.Fault{Place: place, Field: field, Message: "expected a string, found " + shape(v), Hint: "put the value in quotes"}
}

// checkStrings refuses labels and annotations that the API server would refuse, such as unquoted numbers, because all that
// reads them later takes them for strings.
func checkStrings(meta map[string]any, field string, place object.Place) error {
	if meta[field] == nil {
		return nil
	}
	m, ok := meta[field].(map[string]any)
	if !ok {
		return &object.Fault{Place: place, Field: "metadata." + field, Message: "expected a map of strings"}
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := checkString(m, key, "metadata."+field+"."+key, place); err != nil {
			return err
		}
	}
	return nil
}

func shape(v any) string {
	switch v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case nil:
		return "nothing"
	}
	return "a number"
}

// FirstLine is the line of the stream on which the document first says something.
func (d Document) FirstLine() int {
	skip, _ := firstLine(d.Text)
	return d.Line + skip
}
