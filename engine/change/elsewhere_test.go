package change_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/settings"
)

func sha(text []byte) [32]byte { return sha256.Sum256(text) }

// TestProjectsPermitWhatIsFetched has each spelling of what a project permits and denies.
func TestProjectsPermitWhatIsFetched(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	plain := strings.TrimPrefix(m.registry(), "oci://")
	writeAll(t, b.dir, web("- {name: redis, version: 17.x, repository: \""+m.url("stable")+"\"}\n"))
	overIndex := b.commit()
	writeAll(t, b.dir, web("- {name: queue, version: 1.0.0, repository: \""+m.registry()+"\"}\n"))
	overRegistry := b.commit()
	for name, c := range map[string]struct {
		repos      []string
		index, oci bool
	}{
		"all":                     {[]string{"*"}, true, true},
		"none":                    {nil, false, false},
		"others":                  {[]string{shop}, false, false},
		"the index":               {[]string{m.url("stable")}, true, false},
		"the registry":            {[]string{m.registry()}, false, true},
		"it without its scheme":   {[]string{plain}, false, true},
		"all but the registry":    {[]string{"*", "!" + m.registry()}, true, false},
		"all but it, schemeless":  {[]string{"*", "!" + plain}, true, false},
		"all but one of an index": {[]string{"*", "!" + m.url("*")}, false, true},
	} {
		b.projects["default"] = &argo.AppProject{Spec: argo.AppProjectSpec{SourceRepos: c.repos}}
		for _, try := range []struct {
			what string
			may  bool
		}{{"index", c.index}, {"registry", c.oci}} {
			tree := overIndex
			if try.what == "registry" {
				tree = overRegistry
			}
			got, err := b.render(tree, nil)
			if err != nil {
				t.Fatal(err)
			}
			switch f := got.Fault; {
			case try.may != (f == nil):
				t.Errorf("%s, %s: %v", name, try.what, f)
			case f != nil && (!strings.Contains(f.Message, "AppProject default does not permit chart") || !strings.Contains(f.Hint, "sourceRepos") || f.File != "web/Chart.yaml" || f.Line == 0):
				t.Errorf("%s, %s: %v", name, try.what, f)
			}
		}
	}
}

// TestNamesOfRepositories has a name mean what is registered for the project.
func TestNamesOfRepositories(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	writeAll(t, b.dir, web("- {name: vault, version: 3.x, repository: \"@mine\"}\n"))
	tree := b.commit()
	b.settings.Repositories[0].Project = "payments"
	if got, err := b.render(tree, nil); err != nil || got.Fault == nil || !strings.Contains(got.Fault.Message, `registered by the name "mine" for the project default`) {
		t.Errorf("another project's: %v, %v", got.Fault, err)
	}
	b.settings.Repositories = append(b.settings.Repositories, settings.Repository{Secret: "g", Name: "mine", Type: "git", URL: shop})
	if got, err := b.render(tree, nil); err != nil || got.Fault == nil {
		t.Errorf("a Git repository's: %v, %v", got.Fault, err)
	}
	b.settings.Repositories[0].Project = "default"
	if got, err := b.render(tree, nil); err != nil || got.Fault != nil {
		t.Errorf("its own: %v, %v", got.Fault, err)
	}
}
