package appset_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestFaultsNameTheField(t *testing.T) {
	with := func(change func(*argo.ApplicationSet)) *argo.ApplicationSet {
		set := list(true, "", `{"name": "a"}`)
		change(set)
		return set
	}
	item := func(g argo.ApplicationSetGenerator) *argo.ApplicationSet {
		return with(func(s *argo.ApplicationSet) { s.Spec.Generators = []argo.ApplicationSetGenerator{g} })
	}
	git := func(g argo.GitGenerator) *argo.ApplicationSet {
		return item(argo.ApplicationSetGenerator{Git: &g})
	}
	for name, c := range map[string]struct {
		set   *argo.ApplicationSet
		field string
	}{
		"no generators":        {with(func(s *argo.ApplicationSet) { s.Spec.Generators = nil }), "spec.generators"},
		"an unknown generator": {item(argo.ApplicationSetGenerator{}), "spec.generators[0]"},
		"two in one item": {item(argo.ApplicationSetGenerator{
			List: &argo.ListGenerator{}, Git: &argo.GitGenerator{},
		}), "spec.generators[0]"},
		"no element": {item(argo.ApplicationSetGenerator{
			List: &argo.ListGenerator{Elements: []apiextensionsv1.JSON{{Raw: []byte(`"a"`)}}},
		}), "spec.generators[0].list.elements[0]"},
		"no list": {item(argo.ApplicationSetGenerator{
			List: &argo.ListGenerator{ElementsYaml: "a: b"},
		}), "spec.generators[0].list.elementsYaml"},
		"neither files nor directories": {git(argo.GitGenerator{}), "spec.generators[0].git"},
		"a broken directory":            {git(argo.GitGenerator{Directories: []argo.GitDirectoryGeneratorItem{{Path: "[a"}}}), "spec.generators[0].git.directories"},
		"a broken path":                 {git(argo.GitGenerator{Files: []argo.GitFileGeneratorItem{{Path: "[a"}}}), "spec.generators[0].git.files[0].path"},
		"a path out of the repository":  {git(argo.GitGenerator{Files: []argo.GitFileGeneratorItem{{Path: "a/../../b"}}}), "spec.generators[0].git.files[0].path"},
		"an absolute path":              {git(argo.GitGenerator{Files: []argo.GitFileGeneratorItem{{Path: "/etc/passwd"}}}), "spec.generators[0].git.files[0].path"},
		"magic":                         {git(argo.GitGenerator{Files: []argo.GitFileGeneratorItem{{Path: ":!a"}}}), "spec.generators[0].git.files[0].path"},
		"one in a matrix":               {item(argo.ApplicationSetGenerator{Matrix: &argo.MatrixGenerator{Generators: []argo.ApplicationSetNestedGenerator{{List: &argo.ListGenerator{}}}}}), "spec.generators[0].matrix.generators"},
		"one in a merge":                {item(argo.ApplicationSetGenerator{Merge: &argo.MergeGenerator{MergeKeys: []string{"a"}, Generators: []argo.ApplicationSetNestedGenerator{{List: &argo.ListGenerator{}}}}}), "spec.generators[0].merge.generators"},
		"no merge keys":                 {item(argo.ApplicationSetGenerator{Merge: &argo.MergeGenerator{Generators: []argo.ApplicationSetNestedGenerator{{List: &argo.ListGenerator{}}, {List: &argo.ListGenerator{}}}}}), "spec.generators[0].merge.mergeKeys"},
		"an unknown operator": {with(func(s *argo.ApplicationSet) {
			s.Spec.Generators[0].Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Gt", Values: []string{"1"}}}}
		}), "spec.generators[0].selector"},
		"an operator without values": {with(func(s *argo.ApplicationSet) {
			s.Spec.Generators[0].Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In"}}}
		}), "spec.generators[0].selector"},
		"a key that is none": {with(func(s *argo.ApplicationSet) {
			s.Spec.Generators[0].Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a b": "c"}}
		}), "spec.generators[0].selector"},
		"an unknown option": {with(func(s *argo.ApplicationSet) { s.Spec.GoTemplateOptions = []string{"missingkey=error", "x"} }), "spec.goTemplateOptions[1]"},
		"no name": {with(func(s *argo.ApplicationSet) {
			s.Spec.Template.Name = "{{ .none }}"
			s.Spec.GoTemplateOptions = []string{"missingkey=zero"}
		}), "spec.template.metadata.name"},
		"no name for the API server": {with(func(s *argo.ApplicationSet) { s.Spec.Template.Name = "Upper_Case" }), "spec.template.metadata.name"},
		"no project":                 {with(func(s *argo.ApplicationSet) { s.Spec.Template.Spec.Project = "" }), "spec.template.spec.project"},
		"a template that does not parse": {with(func(s *argo.ApplicationSet) {
			s.Spec.Template.Spec.Sources = argo.ApplicationSources{{RepoURL: "x"}, {RepoURL: "{{ if }}"}}
		}), "spec.template.spec.sources[1].repoURL"},
		"a patch that fails": {with(func(s *argo.ApplicationSet) { p := `{{ fail "no" }}`; s.Spec.TemplatePatch = &p }), "spec.templatePatch"},
		"a patch of aliases": {with(func(s *argo.ApplicationSet) { p := "a: &a [*a]"; s.Spec.TemplatePatch = &p }), "spec.templatePatch"},
	} {
		t.Run(name, func(t *testing.T) {
			apps, err := appset.Generate(c.set, tree(fstest.MapFS{"a": {Data: []byte("b: c")}}))
			f, ok := object.AsFault(err)
			if !ok || len(apps) > 0 {
				t.Fatalf("wanted a fault alone, got %d applications and %v", len(apps), err)
			}
			if f.Field != c.field {
				t.Errorf("the fault is at %q, want %q (%v)", f.Field, c.field, f)
			}
		})
	}
}

func TestGeneratorsThatNeedTheWorldSayWhich(t *testing.T) {
	for kind, g := range map[string]argo.ApplicationSetGenerator{
		"clusters":                {Clusters: &argo.ClusterGenerator{}},
		"scmProvider":             {SCMProvider: &argo.SCMProviderGenerator{Github: &argo.SCMProviderGeneratorGithub{Organization: "acme"}}},
		"pullRequest":             {PullRequest: &argo.PullRequestGenerator{GitLab: &argo.PullRequestGeneratorGitLab{Project: "acme/shop"}}},
		"plugin":                  {Plugin: &argo.PluginGenerator{}},
		"clusterDecisionResource": {ClusterDecisionResource: &argo.DuckTypeGenerator{}},
		"git":                     {Git: &argo.GitGenerator{Directories: []argo.GitDirectoryGeneratorItem{{Path: "*"}}}},
	} {
		t.Run(kind, func(t *testing.T) {
			set := list(true, "", `{"name": "a"}`)
			set.Spec.Generators = append(set.Spec.Generators, g)
			apps, err := appset.Generate(set, appset.World{})
			var needs *appset.NeedsWorld
			if !errors.As(err, &needs) || needs.Generator != kind || len(apps) > 0 {
				t.Errorf("got %d applications and %v", len(apps), err)
			}
		})
	}
}

func TestAnUnreadableTreeIsAnErrorOfTheWorld(t *testing.T) {
	gone := errors.New("gone")
	for name, world := range map[string]appset.World{
		"at once": {Tree: func(string, string) (fs.FS, error) { return nil, gone }},
		"midway":  tree(broken{fstest.MapFS{"a/params.yaml": {Data: []byte("a: b")}}, gone}),
	} {
		t.Run(name, func(t *testing.T) {
			apps, err := appset.Generate(gitFiles("*.yaml"), world)
			if _, ours := object.AsFault(err); ours || !errors.Is(err, gone) || len(apps) > 0 {
				t.Errorf("got %d applications and %v", len(apps), err)
			}
		})
	}
}

// broken cannot list its folder a.
type broken struct {
	fs.FS
	err error
}

func (b broken) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == "a" {
		return nil, b.err
	}
	return fs.ReadDir(b.FS, name)
}

func TestTheSetIsLeftAsItIs(t *testing.T) {
	set := list(true, "{{ .name }}", `{"name": "a"}`, `{"name": "b"}`)
	before := set.DeepCopy()
	apps, err := appset.Generate(set, appset.World{})
	if err != nil {
		t.Fatal(err)
	}
	apps[0].Annotations["text"] = "changed"
	if set.Spec.Template.Annotations["text"] != before.Spec.Template.Annotations["text"] || apps[1].Annotations["text"] != "b" {
		t.Error("applications share what they are made of")
	}
}

func TestFaultsAreShort(t *testing.T) {
	_, err := appset.Generate(list(false, "{{a}} {{"+strings.Repeat("x", 10_000), `{"name": "a"}`), appset.World{})
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("the fault is %d bytes long", len(err.Error()))
	}
}

func TestTemplatesChangeNoParametersOfOthers(t *testing.T) {
	set := list(true, `{{ $_ := set .shared "seen" (add 1 (default 0 .shared.seen)) }}{{ .shared.seen }}`)
	set.Spec.Template.Name = "{{ .name }}"
	set.Spec.Generators = []argo.ApplicationSetGenerator{{Matrix: &argo.MatrixGenerator{Generators: []argo.ApplicationSetNestedGenerator{
		{List: list(true, "", `{"shared": {"a": 1}}`).Spec.Generators[0].List},
		{List: list(true, "", `{"name": "a"}`, `{"name": "b"}`).Spec.Generators[0].List},
	}}}}
	apps, err := appset.Generate(set, appset.World{})
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range apps {
		if got := app.Annotations["text"]; got != "1" {
			t.Errorf("%s sees what another application's template has done: %s", app.Name, got)
		}
	}
}

func TestOneRefusedApplicationIsAFaultOfAll(t *testing.T) {
	set := list(true, "", `{"name": "a"}`, `{"name": "a"}`, `{"name": "b"}`)
	if apps, err := appset.Generate(set, appset.World{}); err == nil || len(apps) > 0 {
		t.Errorf("got %d applications and %v", len(apps), err)
	}
	made, err := appset.Unfold(set, appset.World{})
	if err != nil || len(made.Applications) != 2 || len(made.Refused) != 1 || made.Refused[0].Name != "app-a" {
		t.Errorf("unfolded: %d applications, refused %v, %v", len(made.Applications), made.Refused, err)
	}
}

func TestWhenSetsAreLookedAtAgain(t *testing.T) {
	sixty, never := int64(60), int64(0)
	pulls := argo.ApplicationSetGenerator{PullRequest: &argo.PullRequestGenerator{Github: &argo.PullRequestGeneratorGithub{Owner: "acme", Repo: "shop"}}}
	often := *pulls.DeepCopy()
	often.PullRequest.RequeueAfterSeconds = &sixty
	git := argo.ApplicationSetGenerator{Git: &argo.GitGenerator{}}
	silent := argo.ApplicationSetGenerator{Git: &argo.GitGenerator{RequeueAfterSeconds: &never}}
	inner := argo.ApplicationSetNestedGenerator{PullRequest: often.PullRequest}
	for name, c := range map[string]struct {
		generators []argo.ApplicationSetGenerator
		want       time.Duration
	}{
		"clusters only":  {[]argo.ApplicationSetGenerator{{Clusters: &argo.ClusterGenerator{}}}, 0},
		"git":            {[]argo.ApplicationSetGenerator{git}, 3 * time.Minute},
		"pull requests":  {[]argo.ApplicationSetGenerator{pulls}, 30 * time.Minute},
		"the least":      {[]argo.ApplicationSetGenerator{pulls, git, often}, time.Minute},
		"switched off":   {[]argo.ApplicationSetGenerator{silent, pulls}, 30 * time.Minute},
		"inside a merge": {[]argo.ApplicationSetGenerator{{Merge: &argo.MergeGenerator{Generators: []argo.ApplicationSetNestedGenerator{inner}}}}, time.Minute},
	} {
		set := &argo.ApplicationSet{}
		set.Spec.Generators = c.generators
		if got := appset.RequeueAfter(set, 3*time.Minute); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
