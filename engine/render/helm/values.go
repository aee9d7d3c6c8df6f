package helm

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// mergeValues puts the values together as Argo CD does, later ones stronger: files in order, then values or valuesObject, then
// parameters.
func mergeValues(files Files, req Request, need *needs) (map[string]any, error) {
	if v := req.Options.Version; v != "" && v != "v3" && v != "v4" {
		return nil, &object.Fault{Field: "spec.source.helm.version", Message: fmt.Sprintf("%q is no version of Helm that charts are rendered by", v), Hint: "leave it out: there is one"}
	}
	all := map[string]any{}
	paths, err := valueFiles(files, req, need)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		text, err := p.files.ReadFile(p.name)
		if err != nil {
			return nil, fileFault(err, p.name)
		}
		m, err := decodeMap(text, p.shown)
		if err != nil {
			return nil, err
		}
		all = merge(all, m)
	}
	inline, err := inlineValues(req.Options)
	if err != nil {
		return nil, err
	}
	all = merge(all, inline)
	return all, setParameters(files, req, all, need)
}

func inlineValues(o argo.ApplicationSourceHelm) (map[string]any, error) {
	if o.ValuesObject != nil && len(o.ValuesObject.Raw) > 0 && string(o.ValuesObject.Raw) != "{}" && string(o.ValuesObject.Raw) != "null" {
		m, err := decodeMap(o.ValuesObject.Raw, "")
		return m, inField(err, "spec.source.helm.valuesObject")
	}
	m, err := decodeMap([]byte(o.Values), "")
	return m, inField(err, "spec.source.helm.values")
}

func inField(err error, field string) error {
	if f, ok := object.AsFault(err); ok {
		f.Field = field
		return f
	}
	return err
}

// merge puts b over a; maps are merged, all else is replaced.
func merge(a, b map[string]any) map[string]any {
	for key, v := range b {
		from, fromOK := v.(map[string]any)
		into, intoOK := a[key].(map[string]any)
		if fromOK && intoOK {
			a[key] = merge(into, from)
			continue
		}
		a[key] = v
	}
	return a
}

// coalesced puts values over those of a chart and the charts within it, and holds them against their schemas. A chart with none within it,
// as most are, does not take the way through Helm, which copies all values piece by piece by reflection.
func (c *loaded) coalesced(values map[string]any, checked bool) (chartutil.Values, error) {
	if len(c.chart.Dependencies()) > 0 {
		var err error
		if values, err = chartutil.CoalesceValues(c.chart, values); err != nil {
			return nil, err
		}
	} else {
		fill(values, c.chart.Values)
	}
	if !checked {
		return values, nil
	}
	if err := chartutil.ValidateAgainstSchema(c.chart, values); err != nil {
		return nil, fmt.Errorf("values don't meet the specifications of the schema(s) in the following chart(s):\n%w", err)
	}
	return values, nil
}

// fill puts a chart's values where there are none. One that is null takes away what the chart has.
func fill(values, defaults map[string]any) {
	for key, v := range defaults {
		have, there := values[key]
		into, isMap := have.(map[string]any)
		from, both := v.(map[string]any)
		switch {
		case !there:
			values[key] = duplicate(v)
		case have == nil:
			delete(values, key)
		case isMap && both:
			chartutil.CoalesceTables(into, duplicate(from).(map[string]any))
		}
	}
}

// duplicate copies a value with all that is in it.
func duplicate(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = duplicate(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = duplicate(e)
		}
		return out
	}
	return v
}

// valueFile is a file of values, in this repository or that of a $ref.
type valueFile struct {
	files Files
	name  string
	shown string // how it is named to people
	url   string // where it is to be fetched from, or ""
}

// fetch gets a file that lies elsewhere; here is false when the render has to wait for it.
func (v *valueFile) fetch(need *needs, field string) (here bool, err error) {
	files, err := need.get(Wanted{Kind: WantFile, URL: v.url, Field: field})
	if err != nil {
		return false, entryFault(v.shown, "files are not fetched from other places here")
	}
	v.files, v.name = files, Content
	return files != nil, nil
}

// valueFiles finds the files that the entries mean. Each is taken once; one that an entry names in full is taken there, even
// when a glob matches it before.
func valueFiles(files Files, req Request, need *needs) ([]valueFile, error) {
	var all []valueFile
	explicit := map[string]bool{}
	for _, entry := range req.Options.ValueFiles {
		if v, err := locate(files, req, entry); err == nil && (v.url != "" || !isGlob(v.name)) {
			explicit[v.shown] = true
		}
	}
	seen := map[string]bool{}
	for _, entry := range req.Options.ValueFiles {
		v, err := locate(files, req, entry)
		if err != nil {
			return nil, err
		}
		matches := []valueFile{v}
		if v.url != "" {
			here, err := v.fetch(need, "spec.source.helm.valueFiles")
			if err != nil {
				return nil, err
			}
			if !here {
				continue
			}
			matches[0] = v
		} else if isGlob(v.name) {
			if matches, err = expand(v, entry, req.Options.IgnoreMissingValueFiles); err != nil {
				return nil, err
			}
			matches = slices.DeleteFunc(matches, func(m valueFile) bool { return explicit[m.shown] })
		} else if _, err := v.files.Stat(v.name); errors.Is(err, fs.ErrNotExist) {
			if req.Options.IgnoreMissingValueFiles {
				continue
			}
			return nil, &object.Fault{Place: object.Place{File: v.shown}, Field: "spec.source.helm.valueFiles", Message: "this value file is not there"}
		}
		for _, m := range matches {
			if !seen[m.url+m.shown] {
				seen[m.url+m.shown] = true
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// locate finds out which file an entry means: "$ref/path", "/path" from the root, or a path from the chart.
func locate(files Files, req Request, entry string) (valueFile, error) {
	if strings.Contains(entry, "://") {
		return elsewhere(req, entry)
	}
	v := valueFile{files: files}
	if rest, ok := strings.CutPrefix(entry, "$"); ok {
		name, inside, _ := strings.Cut(rest, "/")
		ref, known := req.Refs[name]
		if !known {
			return valueFile{}, entryFault(entry, "no source of this application has the ref "+name)
		}
		v.files = ref
		v.name = path.Clean(inside)
		v.shown = "$" + name + "/" + v.name
	} else if path.IsAbs(entry) {
		v.name = strings.TrimPrefix(path.Clean(entry), "/")
		v.shown = v.name
	} else {
		v.name = path.Join(req.Path, entry)
		v.shown = v.name
	}
	if !fs.ValidPath(v.name) {
		return valueFile{}, entryFault(entry, "the file is outside of the repository")
	}
	return v, nil
}

// elsewhere is the file of a URL.
func elsewhere(req Request, entry string) (valueFile, error) {
	schemes := req.URLSchemes
	if schemes == nil {
		schemes = []string{"https"}
	}
	u, err := url.Parse(entry)
	if err != nil {
		return valueFile{}, &object.Fault{Field: "spec.source.helm.valueFiles", Message: "an entry is not a URL that can be read"}
	}
	plain := *u
	plain.User, plain.RawQuery, plain.Fragment = nil, "", ""
	if !slices.Contains(schemes, strings.ToLower(u.Scheme)) || u.Host == "" {
		fault := entryFault(plain.String(), "files with "+u.Scheme+":// URLs are not fetched")
		fault.Hint = "helm.valuesFileSchemes in argocd-cm names the schemes that are: " + strings.Join(schemes, ", ")
		return valueFile{}, fault
	}
	return valueFile{shown: plain.String(), url: entry}, nil
}

func entryFault(entry, message string) *object.Fault {
	return &object.Fault{Field: "spec.source.helm.valueFiles", Message: entry + ": " + message}
}

func isGlob(name string) bool { return strings.ContainsAny(name, "*?[") }

// expand lists what a glob matches, in order; "**" stands for any number of folders.
func expand(v valueFile, entry string, mayMiss bool) ([]valueFile, error) {
	parts := strings.Split(v.name, "/")
	fixed := 0
	for fixed < len(parts) && !isGlob(parts[fixed]) {
		fixed++
	}
	base := path.Join(parts[:fixed]...)
	if base == "" {
		base = "."
	}
	var names []string
	if err := matches(v.files, base, parts[fixed:], &names); err != nil {
		return nil, entryFault(entry, err.Error())
	}
	if len(names) == 0 && !mayMiss {
		return nil, entryFault(entry, "values file glob matched no files")
	}
	slices.Sort(names)
	shown := strings.TrimSuffix(v.shown, v.name)
	var out []valueFile
	for _, n := range slices.Compact(names) {
		out = append(out, valueFile{files: v.files, name: n, shown: shown + n})
	}
	return out, nil
}

func matches(files Files, dir string, pattern []string, out *[]string) error {
	entries, err := files.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if pattern[0] == "**" && len(pattern) > 1 {
		if err := matches(files, dir, pattern[1:], out); err != nil {
			return err
		}
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if pattern[0] == "**" {
			if e.IsDir() {
				err = matches(files, name, pattern, out)
			} else if len(pattern) == 1 {
				*out = append(*out, name)
			}
			if err != nil {
				return err
			}
			continue
		}
		ok, err := path.Match(pattern[0], e.Name())
		if err != nil {
			return err
		}
		switch {
		case !ok:
		case len(pattern) == 1 && !e.IsDir():
			*out = append(*out, name)
		case len(pattern) > 1 && e.IsDir():
			if err := matches(files, name, pattern[1:], out); err != nil {
				return err
			}
		}
	}
	return nil
}

var bareComma = regexp.MustCompile(`(^|[^\\]),`)

// setParameters applies parameters as helm's --set, --set-string and --set-file would.
func setParameters(files Files, req Request, into map[string]any, need *needs) error {
	for _, forced := range []bool{false, true} { // helm takes all --set before all --set-string
		for i, p := range req.Options.Parameters {
			if p.ForceString != forced {
				continue
			}
			parse := strvals.ParseInto
			if forced {
				parse = strvals.ParseIntoString
			}
			if err := guarded(func() error { return parse(p.Name+"="+escaped(p.Value), into) }); err != nil {
				return &object.Fault{Field: fmt.Sprintf("spec.source.helm.parameters[%d]", i), Message: fmt.Sprintf("%s: %v", p.Name, err)}
			}
		}
	}
	for i, p := range req.Options.FileParameters {
		field := fmt.Sprintf("spec.source.helm.fileParameters[%d]", i)
		v, err := locate(files, req, p.Path)
		if err != nil {
			return inField(err, field)
		}
		if v.url != "" {
			here, err := v.fetch(need, field)
			if err != nil {
				return inField(err, field)
			}
			if !here {
				continue
			}
		}
		text, err := v.files.ReadFile(v.name)
		if err != nil {
			return inField(fileFault(err, v.shown), field)
		}
		read := func([]rune) (any, error) { return string(text), nil }
		if err := guarded(func() error { return strvals.ParseIntoFile(p.Name+"=file", into, read) }); err != nil {
			return &object.Fault{Field: field, Message: fmt.Sprintf("%s: %v", p.Name, err)}
		}
	}
	return nil
}

// escaped keeps commas part of a value, as Argo CD does, unless the value is a list in braces.
func escaped(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	// Twice, because a match takes the character before the comma with it: ",," has two.
	return bareComma.ReplaceAllString(bareComma.ReplaceAllString(value, `$1\,`), `$1\,`)
}

// guarded turns a panic of Helm's parameter parser into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not a parameter: %v", p)
		}
	}()
	return do()
}
