package git

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Commit is what a commit object says.
type Commit struct {
	ID      Hash
	Tree    Hash
	Parents []Hash
	Author  string // name
	Email   string // the author's
	When    time.Time
	Message string
}

// parseCommit reads a commit object.
func parseCommit(id Hash, raw []byte) (Commit, error) {
	c := Commit{ID: id}
	head, message, _ := bytes.Cut(raw, []byte("\n\n"))
	c.Message = strings.ToValidUTF8(string(message), "\uFFFD")
	for line := range strings.Lines(string(head)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "tree":
			c.Tree = Hash(value)
		case "parent":
			c.Parents = append(c.Parents, Hash(value))
		case "author":
			c.Author, c.Email, c.When = parseIdentity(value)
		}
	}
	if !c.Tree.IsFull() {
		return Commit{}, fmt.Errorf("commit %s names no tree: %w", id, ErrCorrupt)
	}
	for _, p := range c.Parents {
		if !p.IsFull() {
			return Commit{}, fmt.Errorf("commit %s has parent %.80q: %w", id, p, ErrCorrupt)
		}
	}
	return c, nil
}

// parseIdentity reads "Name <email> 1700000000 +0100"; what cannot be read is left empty.
func parseIdentity(s string) (name, email string, when time.Time) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	name, rest, _ := strings.Cut(s, "<")
	email, stamp, _ := strings.Cut(rest, ">")
	seconds, _, _ := strings.Cut(strings.TrimSpace(stamp), " ")
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		when = time.Unix(n, 0).UTC()
	}
	return strings.TrimSpace(name), email, when
}

// parseTag yields what an annotated tag points to.
func parseTag(raw []byte) (Hash, bool) {
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if key == "object" {
			return Hash(value), Hash(value).IsFull()
		}
	}
	return "", false
}
