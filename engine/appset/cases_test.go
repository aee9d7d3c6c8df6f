package appset_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/fixtures/facts"
)

var update = flag.Bool("update", false, "write what is generated into the cases")

// The one repository that the cases' git generators can read.
const repository = "https://github.com/example/shop.git"

// Each case is an archive: set.yaml, the files of a repository below tree/, options of the world in world.yaml, what else the world
// knows in facts.yaml, and what is wanted: applications.yaml and refused.txt, or error.txt.
func TestCases(t *testing.T) {
	names, err := filepath.Glob("../../fixtures/cases/appset/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no cases: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := open(t, archive)
			got := c.generate(t)
			if *update {
				c.write(t, name, got)
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("wanted (-), generated (+):\n%s", diff)
			}
		})
	}
}

type testCase struct {
	archive *txtar.Archive
	set     *argo.ApplicationSet
	world   appset.World
	want    map[string]string
}

func open(t *testing.T, archive *txtar.Archive) testCase {
	c := testCase{archive: archive, want: map[string]string{}, set: new(argo.ApplicationSet)}
	tree := fstest.MapFS{}
	for _, f := range archive.Files {
		path, inTree := strings.CutPrefix(f.Name, "tree/")
		switch {
		case inTree:
			tree[path] = &fstest.MapFile{Data: f.Data}
		case f.Name == "set.yaml":
			if err := yaml.UnmarshalStrict(f.Data, c.set); err != nil {
				t.Fatal(err)
			}
		case f.Name == "world.yaml":
			if err := yaml.UnmarshalStrict(f.Data, &c.world); err != nil {
				t.Fatal(err)
			}
		case f.Name == "facts.yaml":
			known := &facts.Facts{}
			if err := yaml.UnmarshalStrict(f.Data, known); err != nil {
				t.Fatal(err)
			}
			known.Tell(&c.world)
		default:
			c.want[f.Name] = string(f.Data)
		}
	}
	c.world.Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.world.Tree = func(url, _ string) (fs.FS, error) {
		if url != repository {
			return nil, errors.New("the repository cannot be reached")
		}
		return tree, nil
	}
	return c
}

// generate is the sections of the archive that tell what came of the set.
func (c testCase) generate(t *testing.T) map[string]string {
	made, err := appset.Unfold(c.set, c.world)
	if err != nil {
		if len(made.Applications) > 0 {
			t.Errorf("there are %d applications beside the error", len(made.Applications))
		}
		return map[string]string{"error.txt": describe(err)}
	}
	sections := map[string]string{}
	for _, r := range made.Refused {
		sections["refused.txt"] += r.Fault.Error() + "\n"
	}
	for _, h := range made.Held {
		sections["held.txt"] += h.Name + ": " + h.Fault.Error() + "\n"
	}
	var b strings.Builder
	for i, app := range made.Applications {
		if i > 0 {
			b.WriteString("---\n")
		}
		text, err := yaml.Marshal(app)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	sections["applications.yaml"] = b.String()
	return sections
}

func describe(err error) string {
	kind := "error"
	var needs *appset.NeedsWorld
	if errors.As(err, &needs) {
		kind = "needs world at " + needs.Field
	} else if _, ok := object.AsFault(err); ok {
		kind = "fault"
	}
	return fmt.Sprintf("%s: %s\n", kind, err)
}

func (c testCase) write(t *testing.T, name string, got map[string]string) {
	kept := c.archive.Files[:0]
	for _, f := range c.archive.Files {
		if _, wanted := c.want[f.Name]; !wanted {
			kept = append(kept, f)
		}
	}
	for _, section := range slices.Sorted(maps.Keys(got)) {
		kept = append(kept, txtar.File{Name: section, Data: []byte(got[section])})
	}
	c.archive.Files = kept
	if err := os.WriteFile(name, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
