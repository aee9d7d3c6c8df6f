package helm

import (
	"strings"

	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// split cuts what a template rendered into documents as Helm does: at "---" where the text begins or after blanks that end in a line's
// end, with all blanks around it. Helm's own way, by an expression, takes longer than all else that is done with a large chart.
func split(text string) []string {
	text = strings.TrimSpace(text)
	var docs []string
	begin := 0 // of the document, behind the blanks that follow a mark
	for at := 0; ; {
		i := strings.Index(text[at:], "---")
		if i < 0 {
			return add(docs, text[begin:])
		}
		at += i
		end := begin + len(strings.TrimRight(text[begin:at], blanks))
		if at > 0 && !strings.HasSuffix(text[begin:at], "\n") {
			at++ // within a line
			continue
		}
		docs = add(docs, text[begin:end])
		at += len("---")
		begin = len(text) - len(strings.TrimLeft(text[at:], blanks))
		at = begin
	}
}

// blanks are those between documents.
const blanks = " \t\n\f\r"

func add(docs []string, text string) []string {
	if text == "" {
		return docs
	}
	return append(docs, strings.TrimSpace(text))
}

// documents keeps what was read of rendered documents and of CRDs by their text: most that a chart yields is what it yielded last time.
// The objects are shared and must not be changed.
type documents struct {
	recent, before map[source]document
	size           int // of the text in recent
}

// source is a document's text, or that of a whole file of CRDs, and the file that it is of.
type source struct {
	text, file string
	crds       bool
}

// maxRecent bounds the text that is kept twice over; what is read of it takes some ten times as much.
const maxRecent = 4 << 20

func (d *documents) decode(key source) (document, error) {
	got, ok := d.recent[key]
	if ok {
		return got, nil
	}
	if got, ok = d.before[key]; !ok {
		var err error
		if got, err = key.decode(); err != nil {
			return got, err
		}
	}
	if d.size += len(key.text); d.recent == nil || d.size > maxRecent {
		d.before, d.recent, d.size = d.recent, map[source]document{}, len(key.text)
	}
	d.recent[key] = got
	return got, nil
}

func (s source) decode() (document, error) {
	if !s.crds {
		return decode(s.text, s.file)
	}
	objects, err := manifest.Decode([]byte(s.text), s.file)
	return document{objects: objects}, err
}
