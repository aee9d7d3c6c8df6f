package render

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
)

// question is a request by all that its answer depends on.
type question struct {
	// key digests everything but the trees and the revision. Trust is part of it, so trusted and untrusted requests never meet.
	key      string
	trusted  bool
	shared   bool
	revision string
	trees    map[string]*git.Tree // "" is the application's own
	remotes  *opener
}

func ask(req Request) (question, error) {
	q := question{trusted: req.Trusted, shared: req.Shared, revision: req.Revision, trees: make(map[string]*git.Tree, len(req.Refs)+1),
		remotes: newOpener(req.Remote)}
	q.trees[""] = req.Tree
	maps.Copy(q.trees, req.Refs)
	source, err := json.Marshal(req.Source)
	if err != nil {
		return question{}, fmt.Errorf("naming a render: %w", err)
	}
	switches, err := json.Marshal(req.Switches)
	if err != nil {
		return question{}, fmt.Errorf("naming a render: %w", err)
	}
	h := sha256.New()
	trust := "untrusted"
	if req.Trusted {
		trust = "trusted"
	}
	write(h, trust, string(source), req.Name, req.Release, req.Namespace, req.Project, req.KubeVersion, string(req.Seed), string(switches))
	write(h, req.APIVersions...)
	write(h, slices.Sorted(maps.Keys(req.Refs))...)
	q.key = hex.EncodeToString(h.Sum(nil))
	return q, nil
}

// write digests a list of words so that no other list has the same digest.
func write(h hash.Hash, words ...string) {
	var text strings.Builder
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(words)))
	text.Write(size[:])
	for _, w := range words {
		binary.BigEndian.PutUint64(size[:], uint64(len(w)))
		text.Write(size[:])
		text.WriteString(w)
	}
	_, _ = h.Write([]byte(text.String())) // a hash takes everything
}

// roots are the trees by their content, with those of remotes that were opened for it.
func (q question) roots(remotes []Used) map[string]git.Hash {
	all := make(map[string]git.Hash, len(q.trees)+len(remotes))
	for name, t := range q.trees {
		all[name] = t.Root()
	}
	for _, u := range remotes {
		if o := q.remotes.got[u.Remote]; o.err == nil && o.tree != nil {
			all[u.Remote.tree()] = o.tree.Root()
		}
	}
	return all
}

// flight names requests that are the same down to the trees.
func (q question) flight() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q", q.key, q.revision)
	for _, name := range slices.Sorted(maps.Keys(q.trees)) {
		fmt.Fprintf(&b, " %q=%s", name, q.trees[name].Root())
	}
	return b.String()
}
