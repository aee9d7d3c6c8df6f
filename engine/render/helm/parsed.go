package helm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// parsed is a set of templates, for one render at a time. Its functions find what they need of the render by it.
type parsed struct {
	units  []unit // by which it is known; their files are kept with it
	key    [sha256.Size]byte
	seeded bool
	set    *template.Template
	random random
	run    *run // that it is lent to
	// texts are those given to tpl that define nothing; their templates are in a copy of the set, so that they are not found in it.
	texts map[string]*template.Template
	aside *template.Template
}

// parsedCache keeps parsed sets of templates by their content.
type parsedCache struct{ sets []*parsed }

const maxParsed = 32

// parse yields the set of some templates, until the next render.
func (c *parsedCache) parse(units []unit, seeded bool) (*parsed, error) {
	for _, p := range c.sets {
		if p.seeded == seeded && slices.EqualFunc(p.units, units, sameFile) {
			return p, nil
		}
	}
	h := sha256.New()
	for _, u := range units {
		fmt.Fprintf(h, "%d %s %d %s", len(u.name), u.name, len(u.file.Data), u.file.Data)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	files := make([]unit, len(units))
	for i, u := range units {
		files[i] = unit{name: u.name, file: u.file}
	}
	for _, p := range c.sets {
		if p.seeded == seeded && p.key == key {
			p.units = files
			return p, nil
		}
	}
	p := &parsed{units: files, key: key, seeded: seeded}
	funcs := functions()
	p.random.bind(funcs, seeded)
	p.set = template.New("chart").Option("missingkey=zero").Funcs(funcs)
	p.bind(p.set)
	for _, u := range units {
		if _, err := p.set.New(u.name).Parse(string(u.file.Data)); err != nil {
			return nil, err
		}
	}
	if len(c.sets) == maxParsed {
		c.sets = slices.Delete(c.sets, 0, 1)
	}
	c.sets = append(c.sets, p)
	return p, nil
}

// sameFile says whether two units are the very same file. A chart that is kept has the same ones in each render.
func sameFile(a, b unit) bool { return a.file == b.file && a.name == b.name }

// bind gives a set the functions that must know the set they are in.
func (p *parsed) bind(set *template.Template) {
	set.Funcs(template.FuncMap{
		"include": func(name string, data any) (string, error) { return p.run.include(set, name, data) },
		"tpl":     func(text string, data any) (string, error) { return p.tpl(set, text, data) },
	})
}

// tpl renders a text as a template of a set.
func (p *parsed) tpl(set *template.Template, text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return plain(text), nil
	}
	if p.run.tpls >= maxTpl {
		return "", errors.New("tpl is called on its own result without end")
	}
	p.run.tpls++
	defer func() { p.run.tpls-- }()
	t, err := p.text(set, text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", err
	}
	return plain(b.String()), nil
}

// withinTpl names the text given to tpl. Lines in it are not lines of a file.
const withinTpl = "text given to tpl"

// Bounds of the texts that are kept parsed.
const (
	maxTexts = 512
	maxText  = 4 << 10
)

// text parses a text for tpl. What it defines is only there within it, so a set is copied for each text that may define something.
func (p *parsed) text(set *template.Template, text string) (*template.Template, error) {
	keep := set == p.set && len(text) <= maxText && !strings.Contains(text, "define") && !strings.Contains(text, "block")
	if t, ok := p.texts[text]; ok && keep {
		return t, nil
	}
	if keep && (p.aside == nil || len(p.texts) == maxTexts) {
		var err error
		if p.aside, err = p.set.Clone(); err != nil {
			return nil, fmt.Errorf("copying templates: %w", err)
		}
		p.texts = map[string]*template.Template{}
	}
	if keep {
		t, err := p.aside.New(fmt.Sprintf("%s %d", withinTpl, len(p.texts))).Parse(text)
		if err == nil {
			p.texts[text] = t
		}
		return t, err
	}
	inner, err := set.Clone()
	if err != nil {
		return nil, fmt.Errorf("copying templates: %w", err)
	}
	p.bind(inner)
	return inner.New(withinTpl).Parse(text)
}
