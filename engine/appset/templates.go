package appset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// templates fill parameters into text, in one of two forms: {{key}}, or Go templates.
type templates struct {
	limit *budget
	// loose and strict differ in what a missing key is. Both are nil in the simple form.
	loose, strict *template.Template
	parsed        map[source]*template.Template
}

// source is a text to be parsed, and how.
type source struct {
	text   string
	strict bool
}

var knownOptions = []string{"missingkey=default", "missingkey=invalid", "missingkey=zero", "missingkey=error"}

func newTemplates(goTemplate bool, options []string, funcs template.FuncMap) (*templates, error) {
	if !goTemplate {
		return &templates{}, nil
	}
	for i, o := range options {
		if !slices.Contains(knownOptions, o) {
			return nil, fault(fmt.Sprintf("spec.goTemplateOptions[%d]", i), "%q is no option: %s are", short(o), strings.Join(knownOptions, ", "))
		}
	}
	return &templates{
		loose:  template.New("t").Funcs(funcs).Option(options...),
		strict: template.New("t").Funcs(funcs).Option("missingkey=error"),
		parsed: map[source]*template.Template{},
	}, nil
}

// fill makes text of a template.
func (t *templates) fill(text string, set params) (string, error) {
	return t.render(source{text: text}, set)
}

// tryFill leaves text as it is if it names a parameter that is not in set.
func (t *templates) tryFill(text string, set params) (string, error) {
	out, err := t.render(source{text: text, strict: true}, set)
	if err != nil && isMissingKey(err) {
		return text, nil
	}
	return out, err
}

func isMissingKey(err error) bool {
	return strings.Contains(err.Error(), "map has no entry for key") || strings.Contains(err.Error(), "can't evaluate field")
}

func (t *templates) render(s source, set params) (string, error) {
	if !strings.Contains(s.text, "{{") {
		return s.text, t.limit.spend(1)
	}
	if t.loose == nil {
		return t.simple(s.text, set)
	}
	parsed, err := t.parse(s)
	if err != nil {
		return "", err
	}
	out := &output{limit: t.limit}
	t.limit.begin()
	defer t.limit.end()
	if err := parsed.Execute(out, map[string]any(set)); err != nil {
		return "", templateFault(err)
	}
	return out.String(), nil
}

// walk fills all strings within v, which is decoded JSON, and the keys of its objects. Field is where v stands in the set.
func (t *templates) walk(v any, set params, field string) (any, error) {
	switch v := v.(type) {
	case string:
		s, err := t.fill(v, set)
		if err != nil {
			return nil, within(field, err)
		}
		return s, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = t.walk(v[i], set, fmt.Sprintf("%s[%d]", field, i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			at := child(field, k)
			key, err := t.fill(k, set)
			if err != nil {
				return nil, within(at, err)
			}
			if out[key], err = t.walk(v[k], set, at); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return v, t.limit.spend(1)
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func child(field, key string) string {
	if plainKey.MatchString(key) {
		return field + "." + key
	}
	return fmt.Sprintf("%s[%q]", field, short(key))
}

// onOneLine is what the simple form needs to take a text for a template at all: a tag that is opened and closed on one line.
var onOneLine = regexp.MustCompile(`{{.*}}`)

// simple replaces {{key}} by a parameter that is a string. Tags that name none are left as they are.
func (t *templates) simple(text string, set params) (string, error) {
	if !onOneLine.MatchString(text) {
		return text, t.limit.spend(1)
	}
	var b strings.Builder
	for rest := text; ; {
		before, after, ok := strings.Cut(rest, "{{")
		b.WriteString(before)
		if !ok {
			break
		}
		tag, next, ok := strings.Cut(after, "}}")
		if !ok {
			return "", fault("", "a {{ is not closed: %q", short("{{"+after))
		}
		if v, ok := set[strings.TrimSpace(tag)].(string); ok && strings.TrimSpace(tag) != "" {
			b.WriteString(v)
		} else {
			b.WriteString("{{" + tag + "}}")
		}
		if b.Len() > maxOutput {
			return "", copyOf(errTooLarge)
		}
		rest = next
	}
	return b.String(), t.limit.spend(b.Len())
}

func parseJSON(raw []byte) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err := d.Decode(&v)
	return v, err
}
