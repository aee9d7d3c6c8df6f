package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Remote is a repository that a checkout has a name for.
type Remote struct{ Name, URL string }

// Remotes are a local checkout's, by name and URL; a checkout without any has none.
func Remotes(ctx context.Context, dir string) ([]Remote, error) {
	s := newStore(Options{Dir: dir})
	gitDir, _, err := s.locate(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	out, err := s.output(ctx, command{dir: gitDir, args: []string{"config", "--local", "--get-regexp", "-z", `^remote\..*\.url$`}})
	if err != nil {
		var f *failure
		if errors.As(err, &f) && f.code == 1 && f.stderr == "" {
			return nil, nil // git config says by its exit code alone that there is none
		}
		return nil, fmt.Errorf("reading the remotes of %s: %w", dir, err)
	}
	var remotes []Remote
	for entry := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if key, url, ok := strings.Cut(entry, "\n"); ok {
			name := strings.TrimSuffix(strings.TrimPrefix(key, "remote."), ".url")
			remotes = append(remotes, Remote{name, url})
		}
	}
	slices.SortFunc(remotes, func(a, b Remote) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.URL, b.URL)) })
	return slices.Compact(remotes), nil
}
