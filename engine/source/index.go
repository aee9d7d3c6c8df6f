package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Masterminds/semver/v3"
	yaml "go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// maxIndex bounds a repository's index: the largest that are known have 20 MB.
const maxIndex = 48 << 20

// index is what a chart repository offers.
type index struct {
	Entries map[string][]release `json:"entries" yaml:"entries"`
}

// release is one version of a chart.
type release struct {
	Version string   `json:"version" yaml:"version"`
	URLs    []string `json:"urls" yaml:"urls"`
	Digest  string   `json:"digest" yaml:"digest"`
}

// parseIndex reads index.yaml. An entry that cannot be read is passed over.
func parseIndex(text []byte) (*index, error) {
	got := &index{}
	var err error
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		err = json.Unmarshal(text, got)
	} else {
		err = yaml.Unmarshal(text, got)
		var some *yaml.TypeError
		if errors.As(err, &some) && got.Entries != nil {
			err = nil
		}
	}
	if err != nil || got.Entries == nil {
		return nil, errors.New("its index.yaml is not the index of a chart repository")
	}
	return got, nil
}

// find picks the release of a chart that a revision names.
func (x *index) find(q Query) (release, error) {
	releases := x.Entries[q.Chart]
	if len(releases) == 0 {
		return release{}, &object.Fault{Field: "spec.source.chart", Message: fmt.Sprintf("chart %q is not in the index of %s", q.Chart, redacted(q.RepoURL))}
	}
	versions := make([]string, len(releases))
	for i, r := range releases {
		versions[i] = r.Version
	}
	i, ok := choose(versions, q.Revision)
	if !ok {
		return release{}, unknownVersion(q)
	}
	return releases[i], nil
}

func unknownVersion(q Query) error {
	what := "chart " + q.Chart + " of " + redacted(q.RepoURL)
	if q.Chart == "" {
		what = redacted(q.RepoURL)
	}
	return &object.Fault{Field: "spec.source.targetRevision", Message: fmt.Sprintf("%s has no version that fits %q", what, q.Revision)}
}

// exact says whether a revision is a version, not a range.
func exact(revision string) bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(revision, "v"))
	return err == nil
}

// choose picks the version that a revision names: that very one, else an equal one, else the highest that the constraint admits. Versions
// before a release fit only constraints that name one.
func choose(versions []string, revision string) (int, bool) {
	for i, v := range versions {
		if v == revision {
			return i, true
		}
	}
	if exact(revision) {
		want, err := semver.NewVersion(revision)
		if err != nil {
			return 0, false
		}
		for i, text := range versions {
			if v, err := semver.NewVersion(text); err == nil && v.Equal(want) {
				return i, true
			}
		}
		return 0, false
	}
	constraint, err := semver.NewConstraint(revision)
	if err != nil {
		return 0, false
	}
	var best *semver.Version
	at := 0
	for i, text := range versions {
		v, err := semver.NewVersion(text)
		if err == nil && constraint.Check(v) && (best == nil || v.GreaterThan(best)) {
			best, at = v, i
		}
	}
	return at, best != nil
}

// resolve is the URL of a chart's archive: relative ones are below the repository.
func (r release) resolve(base *url.URL) (*url.URL, error) {
	if len(r.URLs) == 0 {
		return nil, errors.New("the index gives no URL for it")
	}
	ref, err := url.Parse(r.URLs[0])
	if err != nil {
		return nil, errors.New("the index gives a URL for it that cannot be read")
	}
	if ref.IsAbs() {
		ref.User = nil
		return ref, nil
	}
	below := *base
	below.Path, below.RawPath = strings.TrimSuffix(base.Path, "/")+"/", ""
	at := below.ResolveReference(ref)
	if at.RawQuery == "" {
		at.RawQuery = base.RawQuery
	}
	return at, nil
}
