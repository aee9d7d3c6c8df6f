package kustomize

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// kustomization is one file of a survey.
type kustomization struct {
	survey    *survey
	dir       string // without symbolic links
	file      string
	original  *yaml.Node // as it is in the repository, for lines
	doc       *yaml.Node // as it is built
	changed   bool       // doc is no longer what the file holds
	namespace string     // its own, or what it has from those that lead here
}

// look is what the entries of a field are.
type look struct {
	field string
	as    func(*kustomization, context.Context, *yaml.Node, string) error
}

// looks are the fields in the order in which they are looked at.
func looks() []look {
	return []look{
		{"resources", (*kustomization).resource},
		{"bases", (*kustomization).resource},
		{"components", (*kustomization).component},
		{"crds", (*kustomization).plain},
		{"configurations", (*kustomization).plain},
		{"generators", (*kustomization).plugin},
		{"transformers", (*kustomization).plugin},
		{"validators", (*kustomization).plugin},
		{"patchesStrategicMerge", (*kustomization).inlineOrFile},
		{"patchesJson6902", (*kustomization).withPath},
		{"patches", (*kustomization).withPath},
		{"replacements", (*kustomization).withPath},
		{"configMapGenerator", (*kustomization).generator},
		{"secretGenerator", (*kustomization).generator},
	}
}

// all goes through a kustomization's fields. What is lacking does not end it: all that is should be asked for at once.
func (k *kustomization) all(ctx context.Context) error {
	if k.doc == nil {
		return &object.Fault{Place: object.Place{File: k.file, Line: 1}, Message: "the kustomization is empty or no map"}
	}
	if err := k.once(k.doc); err != nil {
		return err
	}
	if ns := field(k.doc, "namespace"); ns != nil && ns.Value != "" {
		k.namespace = ns.Value
	}
	if err := k.charts(ctx); err != nil {
		return err
	}
	for _, l := range looks() {
		list := field(k.doc, l.field)
		if list == nil {
			continue
		}
		for _, entry := range slices.Clone(list.Content) {
			if err := k.once(entry); err != nil {
				return err
			}
			if err := l.as(k, ctx, entry, l.field); err != nil {
				return err
			}
		}
	}
	if api := field(k.doc, "openapi"); api != nil {
		k.survey.openapi = true
		if err := k.once(api); err != nil {
			return err
		}
		if p := field(api, "path"); p != nil {
			return k.plain(ctx, p, "openapi.path")
		}
	}
	return nil
}

// once refuses a field that is there in two cases: only one of them would be looked at here, and perhaps the other be built.
func (k *kustomization) once(m *yaml.Node) error {
	if m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		for j := 0; j < i; j += 2 {
			if strings.EqualFold(m.Content[i].Value, m.Content[j].Value) {
				return writtenTwice(k.file, m.Content[i].Value, m.Content[i].Line)
			}
		}
	}
	return nil
}

// field is a mapping's value. Kustomize reads names in whatever case they are written.
func field(m *yaml.Node, name string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if strings.EqualFold(m.Content[i].Value, name) {
			return m.Content[i+1]
		}
	}
	return nil
}

// at is a Fault at an entry. An entry that is not in the repository's own file was put there by the source's options.
func (k *kustomization) at(entry *yaml.Node, name, message, hint string) *object.Fault {
	f := &object.Fault{Place: object.Place{File: k.file}, Field: name, Message: message, Hint: hint}
	if entry == nil {
		return f
	}
	top, _, _ := strings.Cut(name, ".")
	if line := same(field(k.original, top), entry.Value); line > 0 {
		f.Line = line
	} else if _, edited := k.survey.over[k.file]; !edited {
		f.Line = entry.Line
	}
	return f
}

// same finds the line of a scalar of the same value.
func same(n *yaml.Node, value string) int {
	if n == nil {
		return 0
	}
	if n.Kind == yaml.ScalarNode && n.Value == value {
		return n.Line
	}
	for _, c := range n.Content {
		if line := same(c, value); line > 0 {
			return line
		}
	}
	return 0
}

// resource is a file of manifests or a folder with a kustomization.
func (k *kustomization) resource(ctx context.Context, entry *yaml.Node, name string) error {
	return k.resourceOr(ctx, entry, name, func(file string) error {
		if k.survey.resources == nil {
			k.survey.resources = map[string]bool{}
		}
		if !k.survey.resources[file] {
			k.survey.resources[file] = true
			k.survey.written = append(k.survey.written, origin{place: object.Place{File: file}})
		}
		return nil
	})
}

// resourceOr goes into the folder that an entry names, or hands its file over.
func (k *kustomization) resourceOr(ctx context.Context, entry *yaml.Node, name string, withFile func(string) error) error {
	r, isGit, isFile := k.elsewhere(entry)
	if isGit || isFile {
		dir, file, err := k.remoteResource(entry, name, r, isGit, isFile)
		switch {
		case err != nil:
			return err
		case file != "":
			k.rewrite(entry, file)
			return withFile(path.Join(k.dir, file))
		case dir != "":
			return k.enter(ctx, entry, name, dir)
		}
		return nil
	}
	info, at, err := k.stat(entry, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return k.enter(ctx, entry, name, at)
	}
	return withFile(at)
}

// component is a folder, here or elsewhere.
func (k *kustomization) component(ctx context.Context, entry *yaml.Node, name string) error {
	if r, isGit, _ := k.elsewhere(entry); isGit {
		dir, _, err := k.clone(entry, name, r, false)
		if err != nil || dir == "" {
			return err
		}
		return k.enter(ctx, entry, name, dir)
	}
	info, at, err := k.stat(entry, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return k.at(entry, name, entry.Value+" is no folder", "")
	}
	return k.enter(ctx, entry, name, at)
}

// enter goes into a folder with a kustomization. An entry that names it by an address is made to name where it was put.
func (k *kustomization) enter(ctx context.Context, entry *yaml.Node, name, dir string) error {
	real, err := k.survey.Real(dir)
	if err != nil {
		return fileFault(err, k.file)
	}
	if slices.Contains(k.survey.within, real) {
		return k.at(entry, name, secretless(entry.Value)+" leads back to a kustomization that leads here", "")
	}
	if !k.survey.confined(dir, real) {
		return k.at(entry, name, secretless(entry.Value)+" is outside of the repository", "")
	}
	for _, n := range FileNames {
		info, err := k.survey.Stat(path.Join(real, n))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			continue
		}
		if err != nil {
			return fileFault(err, path.Join(real, n))
		}
		err = k.survey.folder(ctx, real, k.namespace)
		if _, isGit := ParseRemote(entry.Value); isGit {
			k.rewrite(entry, relative(k.dir, dir))
		}
		return err
	}
	return k.at(entry, name, secretless(entry.Value)+" is a folder without a kustomization", "")
}

// stat finds what an entry names.
func (k *kustomization) stat(entry *yaml.Node, name string) (fs.FileInfo, string, error) {
	if entry.Kind != yaml.ScalarNode || entry.Value == "" {
		return nil, "", k.at(entry, name, "expected the name of a file or folder", "")
	}
	if strings.Contains(entry.Value, "://") {
		return nil, "", k.at(entry, name, secretless(entry.Value)+" is no address from which kustomize would have it fetched", "")
	}
	if path.IsAbs(entry.Value) {
		return nil, "", k.at(entry, name, entry.Value+" is not relative to the kustomization", "")
	}
	at := path.Join(k.dir, entry.Value)
	if at == ".." || strings.HasPrefix(at, "../") || !k.survey.confined(k.dir, at) {
		return nil, "", k.at(entry, name, entry.Value+" is outside of the repository", "")
	}
	info, err := k.survey.Stat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", k.at(entry, name, entry.Value+" is not there", "")
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return nil, "", k.at(entry, name, entry.Value+": "+p.Err.Error(), "")
	}
	return info, at, err
}

// plain is a file that must be there, or is fetched.
func (k *kustomization) plain(_ context.Context, entry *yaml.Node, name string) error {
	if web(entry.Value) {
		file, _, err := k.download(entry, name, entry.Value, false)
		if err == nil && file != "" {
			k.rewrite(entry, file)
		}
		return err
	}
	info, at, err := k.stat(entry, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return k.at(entry, name, entry.Value+" is a folder, expected a file", "")
	}
	return k.restricted(entry, name, at)
}

// restricted holds what was fetched to its own folders even where load restrictions are off, as kustomize does.
func (k *kustomization) restricted(entry *yaml.Node, name, file string) error {
	if k.survey.restrict || k.survey.repositoryOf(k.dir) == nil {
		return nil // kustomize looks itself, or need not
	}
	real, err := k.survey.Real(file)
	if err != nil {
		return fileFault(err, k.file)
	}
	if _, ok := below(k.dir, real); !ok {
		return k.at(entry, name, entry.Value+" is not in or below the folder of its kustomization, which was fetched", "")
	}
	return nil
}

// plugin is inline, a file, or a folder with a kustomization.
func (k *kustomization) plugin(ctx context.Context, entry *yaml.Node, name string) error {
	look := func(text []byte) error {
		empty, err := k.settings(ctx, entry, name, text)
		if empty {
			list := field(k.doc, name)
			list.Content = slices.DeleteFunc(list.Content, func(n *yaml.Node) bool { return n == entry })
		}
		return err
	}
	if strings.Contains(entry.Value, "\n") {
		return look([]byte(entry.Value))
	}
	return k.resourceOr(ctx, entry, name, func(file string) error {
		text, err := k.survey.ReadFile(file)
		if err != nil {
			return fileFault(err, file)
		}
		return look(text)
	})
}

func (k *kustomization) inlineOrFile(ctx context.Context, entry *yaml.Node, name string) error {
	if strings.Contains(entry.Value, "\n") {
		return nil
	}
	return k.plain(ctx, entry, name)
}

func (k *kustomization) withPath(ctx context.Context, entry *yaml.Node, name string) error {
	p := field(entry, "path")
	if p == nil || p.Value == "" {
		return nil
	}
	return k.plain(ctx, p, name+".path")
}

// generator names files as "path" or "key=path".
func (k *kustomization) generator(ctx context.Context, entry *yaml.Node, name string) error {
	kind := "ConfigMap"
	if name == "secretGenerator" {
		kind = "Secret"
	}
	if n := field(entry, "name"); n != nil {
		k.survey.written = append(k.survey.written, origin{kind: kind, name: n.Value, place: object.Place{File: k.file, Line: same(field(k.original, name), n.Value)}})
	}
	for _, list := range []string{"files", "envs"} {
		files := field(entry, list)
		if files == nil {
			continue
		}
		for _, f := range files.Content {
			if err := k.source(ctx, f, name+"."+list, list == "files"); err != nil {
				return err
			}
		}
	}
	if env := field(entry, "env"); env != nil && env.Value != "" {
		return k.source(ctx, env, name+".env", false)
	}
	return nil
}

// source is a file, and the key that it goes to if it may have one.
func (k *kustomization) source(ctx context.Context, entry *yaml.Node, name string, mayKey bool) error {
	key, file, keyed := strings.Cut(entry.Value, "=")
	if !mayKey || !keyed {
		key, file = path.Base(entry.Value), entry.Value
	}
	n := *entry
	n.Value = file
	err := k.plain(ctx, &n, name)
	if f, ok := object.AsFault(err); ok && f.Line == 0 {
		f.Line = same(k.original, entry.Value)
		return f
	}
	if err == nil && n.Value != file {
		if mayKey {
			n.Value = key + "=" + n.Value
		}
		k.rewrite(entry, n.Value)
	}
	return err
}
