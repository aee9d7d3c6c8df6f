package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/directory"
	"github.com/slipway-cd/slipway/engine/render/helm"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// Worker serves jobs until in ends. It takes the whole process over: memory and stack are limited, files, network and standard
// output are taken away. It is the body of a command that Options.Command names.
func Worker(ctx context.Context, in io.Reader, out io.Writer) error {
	held := harden()
	w := worker{link: newLink(in, out), store: newStore(), board: inherited()}
	if err := w.link.send(kindHello, held); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	for {
		f, err := w.link.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("worker: %w", err)
		}
		switch f.kind {
		case kindWarm:
			kustomize.Warm()
		case kindJob:
			err = w.serve(ctx, f)
		default:
			err = fmt.Errorf("unexpected frame %q", f.kind)
		}
		if err != nil {
			return fmt.Errorf("worker: %w", err)
		}
	}
}

type worker struct {
	link   *link
	store  *store
	board  board
	driver helm.Driver
	texts  map[*unstructured.Unstructured][]byte // of the last job's objects
}

// Bounds of what is said about a render: templates can fail with any text.
const (
	maxMessage  = 4 << 10
	maxWarnings = 100
)

// rendered is what all renderers yield.
type rendered struct {
	objects  []object.Object
	warnings []string
	random   bool
	tainted  bool
}

func (w *worker) serve(ctx context.Context, f frame) error {
	var j job
	if err := f.read(&j); err != nil {
		return err
	}
	if j.Forget {
		w.store = newStore()
	}
	files := newKept(w.link, w.store, "")
	if err := files.take(j.Folders, f.blob); err != nil {
		return err
	}
	refs := map[string]*kept{}
	for _, name := range j.Refs {
		refs[name] = newKept(w.link, w.store, name)
	}
	wants := &wanting{link: w.link, store: w.store, known: j.Remotes, missing: j.Missing, open: map[Remote]*kept{}}
	got, err := w.render(ctx, j, files, refs, wants)
	uses := files.uses()
	for _, r := range slices.Concat(slices.Collect(maps.Values(refs)), slices.Collect(maps.Values(wants.open))) {
		uses = append(uses, r.uses()...)
		if files.err == nil {
			files.err = r.err
		}
	}
	if files.err != nil {
		return files.err
	}
	o := outcome{Warnings: got.warnings[:min(len(got.warnings), maxWarnings)], Random: got.random, Tainted: got.tainted, Uses: uses}
	var blob [][]byte
	if len(wants.lacks) > 0 {
		return w.link.send(kindDone, outcome{Uses: o.Uses, Tainted: o.Tainted, Lacks: wants.lacks})
	}
	if fault, ok := object.AsFault(err); ok {
		short := *fault
		short.Message = discreet(strings.ToValidUTF8(short.Message[:min(len(short.Message), maxMessage)], ""))
		o.Fault = &short
	} else if err != nil {
		o.Error = err.Error()
	} else if o.Objects, blob, err = w.encode(got.objects); err != nil {
		o.Error = err.Error()
	}
	err = w.link.send(kindDone, o, blob...)
	if errors.Is(err, errTooMuch) {
		o.Objects, o.Fault = nil, &object.Fault{Place: object.Place{File: j.Path}, Message: fmt.Sprintf("renders more than %d MiB", maxBlob>>20)}
		err = w.link.send(kindDone, o)
	}
	return err
}

// encode writes objects. What the driver yields again is the same object, and its text is at hand.
func (w *worker) encode(objects []object.Object) ([]written, [][]byte, error) {
	list, blob := make([]written, len(objects)), make([][]byte, len(objects))
	texts := make(map[*unstructured.Unstructured][]byte, len(objects))
	for i, o := range objects {
		text, ok := w.texts[o.Unstructured]
		if !ok {
			var err error
			if text, err = json.Marshal(o.Unstructured.Object); err != nil {
				return nil, nil, fmt.Errorf("writing %s: %w", o.ID(), err)
			}
		}
		texts[o.Unstructured] = text
		list[i], blob[i] = written{Size: len(text), Place: o.Place}, text
	}
	w.texts = texts
	return list, blob, nil
}

func (w *worker) render(ctx context.Context, j job, files *kept, refs map[string]*kept, wants *wanting) (got rendered, err error) {
	defer func() {
		if p := recover(); p != nil {
			got.tainted = true
			err = &object.Fault{Place: object.Place{File: j.Path}, Message: fmt.Sprintf("the renderer failed: %v", p)}
		}
	}()
	switch j.Tool {
	case Directory:
		req := directory.Request{Path: j.Path, At: w.board.write, WithoutJsonnet: j.Switches.JsonnetOff}
		if j.Source.Directory != nil {
			req.Options = *j.Source.Directory
		}
		r, err := directory.Render(ctx, files, req)
		return rendered{objects: r.Objects, warnings: r.Warnings}, err
	case Kustomize:
		return w.kustomize(ctx, j, files, wants)
	case Helm:
		req := helm.Request{Path: j.Path, Release: j.Name, Namespace: j.Namespace, KubeVersion: j.KubeVersion, APIVersions: j.APIVersions,
			Seed: j.Seed, At: w.board.write, Refs: map[string]helm.Files{}, URLSchemes: j.Switches.ValuesFileSchemes, Fetch: wants.helm}
		if j.Source.Helm != nil {
			req.Options = *j.Source.Helm
		}
		for name, r := range refs {
			req.Refs[name] = r
		}
		r, err := w.driver.Render(ctx, files, req)
		return rendered{objects: r.Objects, warnings: r.Warnings, random: r.Random}, err
	}
	return rendered{}, fmt.Errorf("there is no renderer %q", j.Tool)
}

// wanting is what a job wants from elsewhere: trees that are at hand, and what is not, for the parent to fetch.
type wanting struct {
	link    *link
	store   *store
	known   []Remote
	missing []Remote
	open    map[Remote]*kept
	lacks   []lack
}

// fetch is the tree of a remote, or nil with the lack noted.
func (w *wanting) fetch(l lack) *kept {
	if k, ok := w.open[l.Remote]; ok {
		return k
	}
	if slices.Contains(w.known, l.Remote) {
		k := newKept(w.link, w.store, l.Remote.tree())
		w.open[l.Remote] = k
		return k
	}
	same := func(o lack) bool { return o.Remote == l.Remote }
	if len(w.lacks) <= maxRemotes && !slices.ContainsFunc(w.lacks, same) {
		w.lacks = append(w.lacks, l)
	}
	return nil
}

// helm is fetch as charts ask for it.
func (w *wanting) helm(want helm.Wanted) (helm.Files, bool) {
	k := w.fetch(lack{Remote: Remote{Kind: RemoteKind(want.Kind), URL: want.URL, Chart: want.Chart, Version: want.Version}, Place: want.Place, Field: want.Field})
	return k, k != nil
}
