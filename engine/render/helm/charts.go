package helm

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"helm.sh/helm/v3/pkg/chart"
)

// charts keeps charts as they were read, by what their folders hold: most that are rendered were rendered before, with other values. What
// it gives out is the caller's own, but for values and the contents of files, which nobody changes.
type charts struct {
	recent, before map[string]keptChart
	size           int // of the files in recent
}

// keptChart is a chart, and what was read for it.
type keptChart struct {
	chart *loaded
	size  int
	read  []string
	lists []string
}

// maxCharts bounds the files that are kept twice over, in bytes.
const maxCharts = 16 << 20

// read is the chart of a folder, or of one that was packed.
func (k *charts) read(ctx context.Context, files Files, dir string, packed bool) (*loaded, error) {
	sealed, ok := files.(Sealed)
	seal := ""
	if ok {
		seal = sealed.Seal(dir)
	}
	if seal == "" {
		c, _, err := readChart(ctx, files, dir, packed)
		return c, err
	}
	key := fmt.Sprintf("%s %v %s", seal, packed, dir)
	if c, ok := k.recent[key]; ok {
		return c.again(sealed), nil
	}
	if c, ok := k.before[key]; ok {
		k.keep(key, c)
		return c.again(sealed), nil
	}
	c, w, err := readChart(ctx, files, dir, packed)
	if err != nil {
		return nil, err
	}
	k.keep(key, keptChart{chart: c.copied(), size: w.size, read: w.read, lists: w.listed})
	return c, nil
}

func (k *charts) keep(key string, c keptChart) {
	if k.size += c.size; k.recent == nil || k.size > maxCharts {
		k.before, k.recent, k.size = k.recent, map[string]keptChart{}, c.size
	}
	k.recent[key] = c
}

// again is the chart for another render.
func (c keptChart) again(files Sealed) *loaded {
	files.Again(c.read, c.lists)
	return c.chart.copied()
}

// copied is a chart of which a render can change what renders change: which charts are in it, under which names, with which values.
func (c *loaded) copied() *loaded {
	return &loaded{chart: copied(c.chart), dir: c.dir, places: maps.Clone(c.places), warnings: slices.Clone(c.warnings)}
}

func copied(c *chart.Chart) *chart.Chart {
	out := *c
	meta := *c.Metadata
	out.Metadata = &meta
	meta.Dependencies = slices.Clone(meta.Dependencies)
	for i, dep := range meta.Dependencies {
		if dep != nil {
			own := *dep
			meta.Dependencies[i] = &own
		}
	}
	var within []*chart.Chart
	for _, sub := range c.Dependencies() {
		within = append(within, copied(sub))
	}
	out.SetDependencies(within...)
	return &out
}
