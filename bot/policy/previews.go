package policy

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Previews are the rules for environments of pull requests, beside what the ApplicationSets say that make them. The zero value leaves it
// all to those.
type Previews struct {
	// Set says whether the policy speaks of previews at all.
	Set bool
	// Paths are patterns as in CODEOWNERS; a pull request needs to change a file that matches one. All do when there are none.
	Paths []string
	// Drafts lets drafts have one without a command.
	Drafts bool
	// TTL is how long one stays after it was asked for or last pushed to; 0 is until the pull request closes.
	TTL time.Duration
	// Limit is how many of the repository there are at once; 0 is any number.
	Limit int
	// Image must be there before a commit is deployed: a reference in which {{number}}, {{head_sha}} and {{head_short_sha}} (8 characters; _7 for 7)
	// stand for the pull request's. Empty waits for none.
	Image string
}

// MaxPreviewTTL bounds what a policy may set and what /preview extend may ask for.
const MaxPreviewTTL = 90 * 24 * time.Hour

// Wish is what is known of a pull request when it is decided whether it has an environment.
type Wish struct {
	// Selected says that an ApplicationSet makes one of it, by its labels; Commanded that /preview asked for one, Stopped that
	// /preview stop asked for none.
	Selected, Commanded, Stopped bool
	Draft                        bool
	// Files that it changes; not asked for where no paths are. Unread says that they cannot be told: the head is a stranger's, and is
	// not even fetched.
	Files  []string
	Unread bool
	// Begin is how a command begins: "/".
	Begin string
	// Until is the end that a command gave it; zero for none. Active is when it was last asked for or pushed to.
	Until, Active time.Time
	Now           time.Time
}

// Wanted says whether there is to be an environment, and, where somebody might expect one, why not. End is when it goes by itself; zero
// is never.
func (p Previews) Wanted(w Wish) (wanted bool, end time.Time, reason string) {
	switch {
	case w.Stopped:
		return false, end, "it was stopped by a command; " + w.Begin + "preview brings it up again"
	case !w.Selected && !w.Commanded:
		return false, end, ""
	case p.Set && !p.Drafts && w.Draft && !w.Commanded:
		return false, end, "drafts have none; " + w.Begin + "preview brings one up"
	case len(p.Paths) > 0 && !w.Commanded && !w.Unread && !slices.ContainsFunc(w.Files, p.concerns):
		return false, end, "it changes none of " + strings.Join(p.Paths, ", ") + "; " + w.Begin + "preview brings one up"
	}
	if p.TTL > 0 {
		end = w.Active.Add(p.TTL)
	}
	if !w.Until.IsZero() {
		end = w.Until
	}
	if !end.IsZero() && !w.Now.Before(end) {
		return false, end, "its time was up; " + w.Begin + "preview extend 24h brings it up again"
	}
	return true, end, ""
}

// concerns says whether a file is among those that previews are for.
func (p Previews) concerns(file string) bool {
	return slices.ContainsFunc(p.Paths, func(pattern string) bool {
		match, ok := ownerPattern(pattern)
		return ok && match(file)
	})
}

// Turn is one of a repository's environments that are wanted, for the queue.
type Turn struct {
	Number int
	Since  time.Time
}

// Place says where a pull request stands among those of its repository that want an environment: 0 when it may have one now, else its
// place in the queue, from 1. Who wanted it first has it first.
func (p Previews) Place(number int, all []Turn) int {
	if p.Limit <= 0 {
		return 0
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Turn) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return a.Number - b.Number
	})
	i := slices.IndexFunc(all, func(t Turn) bool { return t.Number == number })
	return max(0, i+1-p.Limit)
}

// ImageOf is the image that a pull request waits for.
func (p Previews) ImageOf(number, sha string) string {
	return strings.NewReplacer("{{number}}", number, "{{head_sha}}", sha, "{{head_short_sha}}", sha[:min(8, len(sha))],
		"{{head_short_sha_7}}", sha[:min(7, len(sha))]).Replace(p.Image)
}

func (d *decoder) previews(n *yaml.Node, at string) Previews {
	p := Previews{Set: true}
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"paths":  func(n *yaml.Node, f string) { p.Paths = d.paths(n, f) },
		"drafts": func(n *yaml.Node, f string) { p.Drafts = d.yes(n, f) },
		"ttl":    func(n *yaml.Node, f string) { p.TTL = d.span(n, f, MaxPreviewTTL) },
		"limit": func(n *yaml.Node, f string) {
			if p.Limit = d.whole(n, f); p.Limit < 1 {
				d.fault(n, f, "a limit is at least 1; leave it out for none")
			}
		},
		"image": func(n *yaml.Node, f string) {
			p.Image = d.text(n, f)
			if left := p.ImageOf("1", "2"); strings.ContainsAny(left, "{} ") {
				d.fault(n, f, "an image may contain {{number}}, {{head_sha}}, {{head_short_sha}} and {{head_short_sha_7}}, and no other braces or blanks")
			}
		},
	})
	return p
}

// paths are patterns as in CODEOWNERS.
func (d *decoder) paths(n *yaml.Node, at string) []string {
	all := d.texts(n, at)
	for _, pattern := range all {
		if _, ok := ownerPattern(pattern); !ok {
			d.fault(n, at, "%q is no pattern of paths as in CODEOWNERS", pattern)
		}
	}
	return all
}
