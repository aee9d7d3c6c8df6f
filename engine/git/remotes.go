package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Remotes are the URLs of a local checkout's remotes, sorted, each once; a checkout without any has none.
func Remotes(ctx context.Context, dir string) ([]string, error) {
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
	var urls []string
	for entry := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, url, ok := strings.Cut(entry, "\n"); ok {
			urls = append(urls, url)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls), nil
}
