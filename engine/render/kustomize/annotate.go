package kustomize

import (
	"fmt"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/slipway-cd/slipway/engine/object"
)

// The annotations that a kustomization may ask for, which say where an object and its changes are from.
const (
	originAnnotation          = "config.kubernetes.io/origin"
	transformationsAnnotation = "alpha.config.kubernetes.io/transformations"
)

// annotate puts addresses into those annotations where kustomize, which was shown what was fetched as a part of the repository, has put
// names in it.
func (s *survey) annotate(o object.Object) error {
	if len(s.mounts)+len(s.made) == 0 {
		return nil
	}
	all := o.GetAnnotations()
	changed := false
	if text := all[originAnnotation]; text != "" {
		var at resource.Origin
		if err := kyaml.Unmarshal([]byte(text), &at); err != nil {
			return fmt.Errorf("reading where %s is from: %w", o.ID(), err)
		}
		s.addressed(&at)
		fixed, err := at.String()
		if err != nil {
			return fmt.Errorf("writing where %s is from: %w", o.ID(), err)
		}
		all[originAnnotation], changed = fixed, changed || fixed != text
	}
	if text := all[transformationsAnnotation]; text != "" {
		var list resource.Transformations
		if err := kyaml.Unmarshal([]byte(text), &list); err != nil {
			return fmt.Errorf("reading what changed %s: %w", o.ID(), err)
		}
		for _, at := range list {
			s.addressed(at)
		}
		fixed, err := list.String()
		if err != nil {
			return fmt.Errorf("writing what changed %s: %w", o.ID(), err)
		}
		all[transformationsAnnotation], changed = fixed, changed || fixed != text
	}
	if changed {
		o.SetAnnotations(all)
	}
	return nil
}

func (s *survey) addressed(o *resource.Origin) {
	s.located(o, &o.Path)
	s.located(o, &o.ConfiguredIn)
	dir, base := path.Split(o.Path)
	if base == chartsFile && strings.HasPrefix(path.Base(dir), chartsDir) {
		dir = path.Dir(path.Clean(dir))
		o.Path = ""
		o.ConfiguredIn = path.Join(dir, FileNames[0])
		for _, file := range s.order {
			if name := path.Base(file); path.Dir(file) == path.Join(s.request.Path, dir) {
				o.ConfiguredIn = path.Join(dir, name)
			}
		}
		o.ConfiguredBy = kyaml.ResourceIdentifier{TypeMeta: kyaml.TypeMeta{APIVersion: "builtin", Kind: "HelmChartInflationGenerator"}}
	}
	for file, address := range s.addresses {
		if path.Base(file) == path.Base(o.Path) {
			*o = *(&resource.Origin{Repo: o.Repo, Ref: o.Ref, Path: path.Dir(o.Path)}).Append(address)
		}
	}
}

// located takes the folder of a fetched repository off a path, and says which repository it is.
func (s *survey) located(o *resource.Origin, name *string) {
	for _, m := range s.mounts {
		if _, inside, ok := strings.Cut(*name, m.at+"/"); ok && m.from.URL != "" {
			*name, o.Repo, o.Ref = inside, m.from.URL, m.from.Ref
		}
	}
}
