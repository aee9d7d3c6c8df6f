package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// KustomizeVersion is what is set for one of the versions of kustomize that sources may choose.
type KustomizeVersion struct {
	BuildOptions string // flags, in place of those for all
	Path         string // of a program, which is not run: one kustomize is built in
}

const (
	buildOptionsKey = "kustomize.buildOptions"
	programKey      = "kustomize.path."
)

// readKustomize reads the flags of kustomize build, those for all and those for single versions.
func (s *Settings) readKustomize(m map[string]string) []error {
	s.KustomizeBuildOptions = m[buildOptionsKey]
	s.KustomizeVersions = nil
	var errs []error
	set := func(version string, change func(*KustomizeVersion)) {
		if s.KustomizeVersions == nil {
			s.KustomizeVersions = map[string]KustomizeVersion{}
		}
		v := s.KustomizeVersions[version]
		change(&v)
		s.KustomizeVersions[version] = v
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if version, ok := strings.CutPrefix(key, buildOptionsKey+"."); ok && version != "" {
			set(version, func(v *KustomizeVersion) { v.BuildOptions = m[key] })
		}
		if version, ok := strings.CutPrefix(key, programKey); ok && version != "" {
			set(version, func(v *KustomizeVersion) { v.Path = m[key] })
			errs = append(errs, fmt.Errorf("%s: %s: %w", ConfigMapName, key, errOtherKustomize))
		}
	}
	return errs
}

var errOtherKustomize = errors.New("no kustomize but the one that is built in is run")
