package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// Integrity is what a source must be signed with to be read.
type Integrity struct {
	// Keys are ids of keys (16 hexadecimal digits, or fingerprints of 40), one of which must have signed.
	Keys []string
	// History asks it of every commit up to the revision, back to one that seals what came before it.
	History bool
	// Named is the targetRevision of the source: where that is an annotated tag of the commit, the tag must be signed instead.
	Named string
}

// sealTrailer begins the line by which a signed commit vouches for all that came before it.
const sealTrailer = "argocd-gpg-seal:"

// most problems are told, so that they can be read.
const mostProblems = 10

// verified remembers the commits whose whole history was found good, for a while: a key may expire. The revision itself is looked at each time.
type verified struct {
	mu  sync.Mutex
	all map[string]time.Time
}

const (
	verifiedKept = 100_000
	verifiedAge  = 12 * time.Hour
)

func (v *verified) has(mark string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, ok := v.all[mark]
	return ok && now.Sub(at) < verifiedAge
}

func (v *verified) keep(mark string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.all == nil || len(v.all) >= verifiedKept {
		v.all = map[string]time.Time{}
	}
	if at, ok := v.all[mark]; !ok || now.Sub(at) >= verifiedAge { // not renewed by what it spared us
		v.all[mark] = now
	}
}

// trust verifies that a commit may be read. A fault says, in Argo CD's words, what is not signed as it should be.
func (s *Sources) trust(ctx context.Context, q Query, commit git.Hash) error {
	var keys *Signers
	if s.deps.Signers != nil {
		keys = s.deps.Signers(ctx)
	}
	v := verifying{sources: s, repo: s.deps.Store.Mirror(q.RepoURL).Repository(), keys: keys, want: q.Integrity}
	problems, err := v.look(ctx, q, commit)
	if err != nil {
		return fmt.Errorf("verifying the signature of %s at %s: %w", NormalizeURL(q.RepoURL), commit, err)
	}
	if len(problems) == 0 {
		return nil
	}
	for i := range problems {
		problems[i] = "GIT/GPG: " + problems[i]
	}
	return &object.Fault{Field: "spec.source.targetRevision", Message: strings.Join(problems, "\n"),
		Hint: "the AppProject asks for signatures by one of its keys"}
}

type verifying struct {
	sources *Sources
	repo    *git.Repository
	keys    *Signers
	want    *Integrity
}

// look lists what is wrong: with the tag or the commit and, where that is asked, with the commits before it.
func (v verifying) look(ctx context.Context, q Query, commit git.Hash) ([]string, error) {
	tag, ok, err := v.repo.SignedTag(ctx, q.TagPrefix, v.want.Named)
	if errors.Is(err, git.ErrMisnamed) || errors.Is(err, git.ErrSignatures) {
		return []string{err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	var problems []string
	if ok && tag.Commit == commit {
		if problem := v.problem(tag); problem != "" {
			problems = append(problems, problem)
		}
		if !v.want.History {
			return problems, nil
		}
	}
	found, err := v.commits(ctx, commit)
	problems = append(problems, found...)
	return problems[:min(len(problems), mostProblems)], err
}

// commits looks at a commit and, where that is asked, at all before it up to those that seal what came before.
func (v verifying) commits(ctx context.Context, from git.Hash) ([]string, error) {
	var problems []string
	told := map[string]bool{} // keys
	var first []git.Hash
	queue, queued := []git.Hash{from}, map[git.Hash]bool{from: true}
	for len(queue) > 0 && len(problems) < mostProblems {
		if err := ctx.Err(); err != nil {
			return problems, err
		}
		id := queue[0]
		queue = queue[1:]
		if id != from && v.sources.verified.has(v.mark(id), v.sources.deps.Now()) {
			continue // and all before it
		}
		c, err := v.repo.SignedCommit(ctx, id)
		if errors.Is(err, git.ErrSignatures) {
			return append(problems, fmt.Sprintf("Failed verifying revision %s: %v", id, git.ErrSignatures)), nil
		}
		if err != nil {
			return problems, err
		}
		problem, found := v.judge(c)
		if problem != "" && !told[found.key] {
			problems = append(problems, problem)
			told[found.key] = found.key != ""
		}
		if !v.want.History || problem == "" && seals(c.Message) {
			continue
		}
		if id == from {
			first = c.Parents
		}
		for _, parent := range c.Parents {
			if !queued[parent] {
				queued[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	if len(problems) == 0 && v.want.History {
		for _, id := range append(first, from) {
			v.sources.verified.keep(v.mark(id), v.sources.deps.Now())
		}
	}
	return problems, nil
}

// mark is what a good commit is remembered by: all that made it good.
func (v verifying) mark(id git.Hash) string {
	keys := ""
	if v.keys != nil {
		keys = v.keys.digest
	}
	return fmt.Sprintf("%s %t %v %s", id, v.want.History, v.want.Keys, keys)
}

func (v verifying) problem(s git.Signed) string {
	text, _ := v.judge(s)
	return text
}

// judge says what is wrong with a signature, or "".
func (v verifying) judge(s git.Signed) (string, seen) {
	found := v.keys.verify(s, v.sources.deps.Now())
	revision := string(s.ID)
	if s.Tag != "" {
		revision = s.Tag
	}
	if found.result == signatureGood {
		if slices.ContainsFunc(v.want.Keys, func(k string) bool { id := keyID(k); return id != "" && (id == found.key || id == found.primary) }) {
			return "", found
		}
		return fmt.Sprintf("Failed verifying revision %s by '%s': signed with unallowed key (key_id=%s)", revision, s.Who, found.key), found
	}
	return fmt.Sprintf("Failed verifying revision %s by '%s': %s (key_id=%s)", revision, s.Who, found.result, found.key), found
}

// keyID is the id that a key of a project goes by, or "" if it is none.
func keyID(k string) string {
	k = strings.ToUpper(strings.TrimPrefix(strings.TrimSpace(k), "0x"))
	if strings.Trim(k, "0123456789ABCDEF") != "" {
		return ""
	}
	switch len(k) {
	case 16:
		return k
	case 40:
		return k[24:]
	}
	return ""
}

// seals says whether the last paragraph of a commit's message has the trailer that vouches for what came before.
func seals(message string) bool {
	paragraphs := strings.Split(strings.TrimSpace(message), "\n\n")
	if len(paragraphs) < 2 {
		return false
	}
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		rest, ok := strings.CutPrefix(strings.ToLower(line), sealTrailer)
		if ok && strings.TrimSpace(rest) != "" {
			return true
		}
	}
	return false
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
