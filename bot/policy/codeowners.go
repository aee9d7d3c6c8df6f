package policy

import (
	"bufio"
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxOwners is the largest CODEOWNERS that is read, in bytes: GitHub's own bound.
const maxOwners = 3 << 20

// OwnersFiles are where a CODEOWNERS is looked for, the first that is there counts.
func OwnersFiles(gitlab bool) []string {
	if gitlab {
		return []string{"CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}
	}
	return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}
}

// CodeOwners are the rules of a CODEOWNERS.
type CodeOwners struct{ rules []ownerRule }

type ownerRule struct {
	section string // GitLab's; rules of each section count beside each other
	match   func(string) bool
	owners  []string
}

// ParseCodeOwners reads a CODEOWNERS. A line that cannot be read is left out, as the forges do; ok is false where the file is too large,
// which the forges do not read at all.
func ParseCodeOwners(content []byte) (c CodeOwners, ok bool) {
	if len(content) > maxOwners {
		return c, false
	}
	section, inherited := "", []string(nil)
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, maxOwners+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if m := sectionHead.FindStringSubmatch(line); m != nil {
			section, inherited = strings.ToLower(m[1]), ownersOf(strings.Fields(m[2]))
			continue
		}
		words := ownerWords(line)
		match, ok := ownerPattern(words[0])
		if !ok {
			continue
		}
		owners := ownersOf(words[1:])
		if len(owners) == 0 {
			owners = inherited
		}
		c.rules = append(c.rules, ownerRule{section, match, owners})
	}
	return c, lines.Err() == nil
}

// sectionHead begins a section of GitLab's: [Name], ^[Optional], [Name][2] @default-owner.
var sectionHead = regexp.MustCompile(`^\^?\[([^\]]+)\](?:\[[0-9]+\])?((?:\s+@\S+|\s+\S+@\S+)*)$`)

// ownerWords parts a line at spaces that no backslash escapes; a comment ends it.
func ownerWords(line string) []string {
	var words []string
	var word strings.Builder
	escaped := false
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
		}
		word.Reset()
	}
	for _, r := range line {
		switch {
		case escaped:
			if r != ' ' && r != '#' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ' ' || r == '\t':
			flush()
		case r == '#' && word.Len() == 0:
			return words
		default:
			word.WriteRune(r)
		}
	}
	flush()
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// ownersOf keeps what names an owner: an account, a team or an e-mail address.
func ownersOf(words []string) []string {
	var owners []string
	for _, w := range words {
		if strings.HasPrefix(w, "#") {
			break
		}
		if strings.Contains(w, "@") {
			owners = append(owners, w)
		}
	}
	return owners
}

// ownerPattern compiles a pattern of gitignore's form, without what GitHub leaves out of it: "!", "[a-z]" and "\\#" at its beginning.
func ownerPattern(pattern string) (match func(string) bool, ok bool) {
	if pattern == "" || pattern[0] == '!' || strings.ContainsAny(pattern, "[]") {
		return nil, false
	}
	anchored := strings.Contains(strings.TrimSuffix(pattern, "/"), "/")
	folder := strings.HasSuffix(pattern, "/")
	body := strings.Trim(pattern, "/")
	if body == "" {
		return func(string) bool { return true }, pattern == "/"
	}
	var re strings.Builder
	re.WriteString("^")
	if !anchored {
		re.WriteString("(?:.*/)?")
	}
	parts := strings.Split(body, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "**" && last:
			re.WriteString(".+")
		case part == "**":
			re.WriteString("(?:.*/)?")
		default:
			re.WriteString(segment(part))
			if !last {
				re.WriteString("/")
			}
		}
	}
	switch tail := parts[len(parts)-1]; {
	case folder:
		re.WriteString("/.*")
	case tail == "**":
	case tail == "*" && anchored: // "docs/*" owns the files of a folder, not those of the folders in it
	default:
		re.WriteString("(?:/.*)?")
	}
	re.WriteString("$")
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return nil, false
	}
	return compiled.MatchString, true
}

// segment is one part of a pattern, between two slashes.
func segment(part string) string {
	quoted := regexp.QuoteMeta(part)
	quoted = strings.ReplaceAll(quoted, `\*\*`, `[^/]*`)
	quoted = strings.ReplaceAll(quoted, `\*`, `[^/]*`)
	return strings.ReplaceAll(quoted, `\?`, `[^/]`)
}

// Of are the owners of a file: those of the last rule that matches it, in each section. A rule without owners takes them away.
func (c CodeOwners) Of(file string) []string {
	file = strings.TrimPrefix(path.Clean("/"+file), "/")
	last, order := map[string][]string{}, []string(nil)
	for _, r := range c.rules {
		if !r.match(file) {
			continue
		}
		if _, seen := last[r.section]; !seen {
			order = append(order, r.section)
		}
		last[r.section] = r.owners
	}
	var all []string
	for _, section := range order {
		for _, o := range last[section] {
			if !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// Owning are the files of a list that have owners.
func (c CodeOwners) Owning(files []string) []Owned {
	var all []Owned
	for _, f := range files {
		if owners := c.Of(f); len(owners) > 0 {
			all = append(all, Owned{Path: f, Owners: owners})
		}
	}
	return all
}
