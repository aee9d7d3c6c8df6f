package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Signed is a commit or an annotated tag as it was signed. Nothing here says that the signature is good.
type Signed struct {
	ID Hash
	// Tag is the name that the tag has within; empty for a commit.
	Tag string
	// Who is the author or tagger, "Name <email>", by their own word.
	Who string
	// Message of the commit or tag, without the signature.
	Message string
	// Parents are a commit's.
	Parents []Hash
	// Commit is the one itself, or the one that the tag leads to.
	Commit Hash
	// Payload is what was signed. Signature is armored as it stands there; empty where there is none.
	Payload, Signature []byte
}

// SignedCommit is a commit of this store with its signature.
func (r *Repository) SignedCommit(ctx context.Context, h Hash) (Signed, error) {
	c, err := r.Commit(ctx, h)
	if err != nil {
		return Signed{}, err
	}
	raw, err := r.objects.read(h, "commit", maxCommit)
	if err != nil {
		return Signed{}, fmt.Errorf("commit %s: %w", h, err)
	}
	s := Signed{ID: h, Commit: h, Who: c.Author + " <" + c.Email + ">", Message: c.Message, Parents: c.Parents}
	s.Payload, s.Signature, err = splitHeaders(raw)
	if err != nil {
		return Signed{}, fmt.Errorf("commit %s: %w", h, err)
	}
	return s, nil
}

// SignedTag is the annotated tag that a revision names, as ResolveTagged finds it; ok is false where it names something else.
func (r *Repository) SignedTag(ctx context.Context, prefix, revision string) (s Signed, ok bool, err error) {
	if Hash(revision).IsFull() {
		return Signed{}, false, nil
	}
	if r.named != nil {
		return r.named.SignedTag(ctx, prefix, revision)
	}
	refs, err := r.names.list(ctx)
	if err != nil {
		return Signed{}, false, fmt.Errorf("resolving %q: %w", revision, err)
	}
	id, found := lookUp(refs, r.names.head, prefix, revision)
	if !found {
		return Signed{}, false, nil
	}
	f, err := r.objects.describe(id)
	if err != nil || f.kind != "tag" {
		return Signed{}, false, err
	}
	raw, err := r.objects.read(id, "tag", maxCommit)
	if err != nil {
		return Signed{}, false, fmt.Errorf("tag %q: %w", revision, err)
	}
	if s, err = parseSignedTag(id, raw); err != nil {
		return Signed{}, false, fmt.Errorf("tag %q: %w", revision, err)
	}
	for _, one := range refs {
		// A ref is anybody's who may push; the name that was signed is within.
		if one.id == id && one.name == "refs/tags/"+s.Tag {
			s.Commit, err = r.peel(id, revision)
			return s, err == nil, err
		}
	}
	return Signed{}, false, fmt.Errorf("%q names the tag object %s, which calls itself %.100q: %w", revision, id, s.Tag, ErrMisnamed)
}

// ErrMisnamed is of a ref that leads to a tag that was made under another name.
var ErrMisnamed = errors.New("the tag is of another name")

// ErrSignatures is of an object with more than one signature of a kind, of which git and others might verify different ones.
var ErrSignatures = errors.New("it has more than one signature")

// signatureHeader is where commits carry their signature in repositories of SHA-1; the other belongs to those of SHA-256.
const signatureHeader = "gpgsig"

// splitHeaders parts a commit into what was signed and the signature. All headers of signatures are taken out of what was signed.
func splitHeaders(raw []byte) (payload, signature []byte, err error) {
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	var kept, sig bytes.Buffer
	signatures, inside := map[string]int{}, ""
	for line := range bytes.Lines(append(bytes.Clone(head), '\n')) {
		if line[0] == ' ' && inside != "" {
			if inside == signatureHeader {
				sig.Write(line[1:])
			}
			continue
		}
		inside = ""
		if key, value, _ := bytes.Cut(line, []byte(" ")); strings.HasPrefix(string(key), signatureHeader) {
			inside = string(key)
			if signatures[inside]++; signatures[inside] > 1 {
				return nil, nil, ErrSignatures
			}
			if inside == signatureHeader {
				sig.Write(value)
			}
			continue
		}
		kept.Write(line)
	}
	kept.WriteByte('\n')
	kept.Write(body)
	return kept.Bytes(), sig.Bytes(), nil
}

// parseSignedTag reads a tag, whose signature is the end of its message.
func parseSignedTag(id Hash, raw []byte) (Signed, error) {
	s := Signed{ID: id}
	end := len(raw)
	for _, mark := range []string{"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SSH SIGNATURE-----",
		"-----BEGIN SIGNED MESSAGE-----"} {
		if i := bytes.LastIndex(raw, []byte("\n"+mark)); i >= 0 && (end == len(raw) || i+1 > end) {
			end = i + 1
		}
	}
	s.Signature = raw[end:]
	payload, _, err := splitHeaders(raw[:end])
	if err != nil {
		return Signed{}, err
	}
	s.Payload = payload
	head, message, _ := bytes.Cut(payload, []byte("\n\n"))
	s.Message = strings.ToValidUTF8(string(message), "\uFFFD")
	for line := range strings.Lines(string(head)) {
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); key {
		case "tag":
			s.Tag = value
		case "tagger":
			name, email, _ := parseIdentity(value)
			s.Who = name + " <" + email + ">"
		}
	}
	return s, nil
}
