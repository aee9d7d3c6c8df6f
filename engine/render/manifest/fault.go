package manifest

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	goyaml "go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// Unreadable begins the message of each Fault about text that is no YAML.
const Unreadable = "the YAML cannot be read: "

var lineOf = regexp.MustCompile(`line (\d+): ?`)

// fault says where in the file a document cannot be read. The YAML parser counts lines within the document, and one too few
// where it misses something that it expected; of some mistakes it knows no line.
func (d Document) fault(err error, file string) *object.Fault {
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:\n  "} {
		text = strings.TrimPrefix(text, prefix)
	}
	f := &object.Fault{Place: object.Place{File: file, Line: d.FirstLine()}, Message: text}
	if m := lineOf.FindStringSubmatchIndex(text); m != nil {
		n, convErr := strconv.Atoi(text[m[2]:m[3]])
		if convErr == nil {
			if strings.Contains(text, "did not find expected") {
				n++
			}
			f.Line = d.Line + max(n, 1) - 1
			f.Message = text[:m[0]] + text[m[1]:]
		}
	} else if line, message := d.blame(); line > 0 {
		f.Line, f.Message = d.Line+line-1, message
	}
	if strings.Contains(f.Message, "cannot start any token") && bytes.HasPrefix(bytes.TrimLeft(d.row(f.Line), " "), []byte("\t")) {
		f.Message, f.Hint = "the line is indented with a tab", "YAML is indented with spaces"
	}
	if bytes.Contains(d.row(f.Line), []byte("{{")) {
		f.Hint = "this looks like a template of Helm's, and is read as it stands: a chart has a Chart.yaml in the folder that the source names"
	}
	f.Message = Unreadable + f.Message
	return f
}

// row is a line of the file, if the document has it.
func (d Document) row(line int) []byte {
	n := d.Line
	for row := range bytes.Lines(d.Text) {
		if n == line {
			return row
		}
		n++
	}
	return nil
}

// blame finds a mistake for which the parser gives no line, counted from 1 within the document; 0 when there is none of those known.
func (d Document) blame() (line int, message string) {
	if !utf8.Valid(d.Text) {
		for n, row := range bytes.SplitAfter(d.Text, []byte("\n")) {
			if !utf8.Valid(row) {
				return n + 1, "the text is not UTF-8"
			}
		}
	}
	var root goyaml.Node
	if goyaml.Unmarshal(d.Text, &root) != nil {
		return 0, ""
	}
	return blame(&root)
}

func blame(n *goyaml.Node) (line int, message string) {
	if n.Kind == goyaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == goyaml.MappingNode || key.Kind == goyaml.SequenceNode || key.Tag == "!!null" {
				return key.Line, "a key is neither text nor a number"
			}
		}
	}
	var number float64
	if n.Kind == goyaml.ScalarNode && n.Tag == "!!float" && n.Decode(&number) == nil && (math.IsInf(number, 0) || math.IsNaN(number)) {
		return n.Line, "infinity, and what is not a number, cannot be sent to Kubernetes; text is put in quotes"
	}
	for _, c := range n.Content {
		if line, message := blame(c); line > 0 {
			return line, message
		}
	}
	return 0, ""
}
