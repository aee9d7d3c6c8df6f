package command

import "fmt"

// What may be asked about the pull request's own environment.
const (
	PreviewStart  = "start"
	PreviewStop   = "stop"
	PreviewExtend = "extend"
)

func previewSpec() spec {
	return spec{verb: Preview, words: previewWords, flags: []string{optDryRun, optReason},
		usage:   "/preview [stop|extend 24h]",
		summary: "brings up an environment of the pull request's own, ends it, or gives it more time"}
}

func previewWords(c Command, s spec, words []string) Command {
	c.Name = PreviewStart
	if len(words) > 0 {
		c.Name, words = words[0], words[1:]
	}
	switch {
	case c.Name == PreviewExtend && len(words) == 1:
		if c.For = span(words[0]); c.For == 0 {
			return c.problem(fmt.Sprintf("%q is no time between 1m and %dh", clip(words[0]), int(longest.Hours())), "/preview extend 24h")
		}
	case c.Name == PreviewExtend && len(words) == 0:
		return c.problem("/preview extend needs a time", "/preview extend 24h")
	case c.Name != PreviewStart && c.Name != PreviewStop:
		hint := s.usage
		if near := nearest(c.Name, []string{PreviewStop, PreviewExtend, PreviewStart}); near != "" {
			hint = "did you mean /preview " + near + "?"
		}
		return c.problem(fmt.Sprintf("/preview takes no %q", clip(c.Name)), hint)
	case len(words) > 0:
		return c.problem(fmt.Sprintf("/preview %s takes no %q", c.Name, clip(words[0])), s.usage)
	}
	return c
}
