package appset

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	notInName  = regexp.MustCompile(`[^-a-z0-9.]`)
	manyDashes = regexp.MustCompile(`-+`)
)

// normalize makes the name of an object of s: at most 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends.
func normalize(s string) string {
	s = notInName.ReplaceAllString(strings.ToLower(s), "-")
	if len(s) > 253 {
		s = s[:253]
	}
	return strings.Trim(s, "-.")
}

// slugify makes a part of a host's name of its last argument. Before it may stand the most bytes it can have (50), and whether it is
// cut between words (true).
func slugify(args ...any) (string, error) {
	size, smart := 50, true
	if len(args) == 0 || len(args) > 3 {
		return "", errors.New("slugify takes a length, whether to cut between words, and a text")
	}
	text, ok := args[len(args)-1].(string)
	if !ok {
		return "", fmt.Errorf("slugify takes a text as its last argument, not a %T", args[len(args)-1])
	}
	if len(args) > 1 {
		if size, ok = args[0].(int); !ok || size < 0 {
			return "", errors.New("slugify takes a length as its first argument")
		}
	}
	if len(args) > 2 {
		if smart, ok = args[1].(bool); !ok {
			return "", errors.New("slugify takes true or false as its second argument")
		}
	}
	return slug(normalize(text), size, smart), nil
}

func slug(s string, size int, smart bool) string {
	if !smart && len(s) > size {
		s = s[:size]
	}
	s = strings.Trim(manyDashes.ReplaceAllString(strings.ReplaceAll(s, ".", "-"), "-"), "-")
	if !smart || size == 0 || len(s) <= size {
		return s
	}
	if cut := strings.LastIndexByte(s[:size+1], '-'); cut >= 0 {
		return s[:cut]
	}
	return s[:size]
}
