package appset_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
)

// overPlugin is a set over what a plugin answers, whose applications are named and labelled by templates.
func overPlugin(t *testing.T, goTemplate bool, name, label, selector string) *argo.ApplicationSet {
	t.Helper()
	set := &argo.ApplicationSet{}
	set.Name, set.Namespace = "set", "argocd"
	if err := yaml.UnmarshalStrict([]byte(`generators: [{plugin: {configMapRef: {name: tenants}, values: {kind: web}}}]
template: {spec: {project: shop, destination: {name: in-cluster, namespace: shop}}}`), &set.Spec); err != nil {
		t.Fatal(err)
	}
	if selector != "" {
		if err := json.Unmarshal([]byte(selector), &set.Spec.Generators[0].Selector); err != nil {
			t.Fatal(err)
		}
	}
	set.Spec.GoTemplate = goTemplate
	set.Spec.Template.Name, set.Spec.Template.Labels = name, map[string]string{"label": label}
	return set
}

// Of answers that were given before, a template has what the base's shows, and learns nothing else.
func TestAnswersShowWhatTheBaseShows(t *testing.T) {
	answer := []byte(`[{"id": "one", "db": {"host": "h", "password": "geheim"}, "tags": {"a": "x", "b": "y"}, "list": [{"n": "1", "hidden": "geheim"}], "free-text": "f"}]`)
	for _, c := range []struct {
		name               string
		simple             bool
		baseName, baseText string
		baseSelector       string
		text, selector     string
		want               string // the label; or the beginning of the refusal
	}{
		{name: "what the base names", baseName: "{{.id}}", baseText: "{{.db.host}}", text: "{{.db.host | upper}}-{{.values.kind}}", want: "H-web"},
		{name: "what stands beside it", baseName: "{{.id}}", baseText: "{{.db.host}}", text: "{{.db.password}}", want: "the template shows db.password "},
		{name: "what is around it", baseName: "{{.id}}", baseText: "{{.db.host}}", text: "{{toJson .db}}", want: "the template shows db.more "},
		{name: "around it, by a variable", baseName: "{{.id}}", baseText: "{{.db.host}}", text: "{{$d := .db}}{{$d.password}}", want: "the template shows db.password "},
		{name: "everything", baseName: "{{.id}}", baseText: "{{.db.host}}", text: "{{toJson .}}", want: "the template shows db.more "},
		{name: "everything, by the root variable", baseName: "{{.id}}", baseText: "{{.db.host}}", text: "{{ range $ }}{{ . }}{{ end }}", want: "the template shows db.more "},
		{name: "a key put together", baseName: "{{.id}}", baseText: "{{.db.host}}", text: `{{index .db (printf "pass%s" "word")}}`, want: "the template shows db.more "},
		{name: "what the base has as a whole", baseName: "{{.id}}", baseText: "{{range $k, $v := .tags}}{{$k}}{{end}}", text: "{{.tags.b}}", want: "y"},
		{name: "within a list", baseName: "{{.id}}", baseText: "{{(index .list 0).n}}", text: "{{(index .list 0).n}}!", want: "1!"},
		{name: "a word with a hyphen", baseName: "{{.id}}", baseText: `{{index . "free-text"}}`, text: "{{.id}}", want: "one"},
		{name: "only by words around tags", baseName: "{{.id}}", baseText: "password {{.db.host}}", text: "{{.db.password}}", want: "the template shows db.password "},
		{name: "what the base selects by", baseName: "{{.id}}", baseText: "none", baseSelector: `{"matchLabels": {"db.host": "h"}}`, text: "some", selector: `{"matchLabels": {"db.host": "h"}}`, want: "some"},
		{name: "what only the head selects by", baseName: "{{.id}}", baseText: "none", text: "some", selector: `{"matchLabels": {"db.password": "geheim"}}`, want: "the template shows db"},
		{name: "plain: what the base names", simple: true, baseName: "{{id}}", baseText: "{{db.host}}", text: "{{db.host}}!", want: "h!"},
		{name: "plain: what stands beside it", simple: true, baseName: "{{id}}", baseText: "{{db.host}}", text: "{{db.password}}", want: "the template shows db.password "},
		{name: "plain: what nobody knows stays", simple: true, baseName: "{{id}}", baseText: "{{db.host}}", text: "{{nothing}}", want: "{{nothing}}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := overPlugin(t, !c.simple, c.baseName, c.baseText, c.baseSelector)
			asked, err := appset.Unfold(base, appset.World{Plugin: func(string, argo.PluginParameters) (all []map[string]any, err error) {
				return all, json.Unmarshal(answer, &all)
			}})
			if err != nil {
				t.Fatal(err)
			}
			head := overPlugin(t, !c.simple, c.baseName, c.text, c.selector)
			made, err := appset.Unfold(head, appset.World{Known: &appset.Known{Answers: asked.Answers, Base: base}})
			var needs *appset.NeedsWorld
			if errors.As(err, &needs) {
				if n := len(c.want); len(needs.Reason) < n || needs.Reason[:n] != c.want {
					t.Errorf("it says %q, wanted %q", needs.Reason, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(made.Applications) != 1 || made.Applications[0].Labels["label"] != c.want {
				t.Errorf("it makes %v, wanted one labelled %q", made.Applications, c.want)
			}
		})
	}
}

// A template that changes what it is given changes no answer that others go by.
func TestAnswersAreNotChanged(t *testing.T) {
	base := overPlugin(t, true, "{{.id}}", `{{$_ := set .db "host" "changed"}}{{.db.host}}{{.db}}`, "")
	base.Spec.Generators[0].Plugin.Values = map[string]string{"kind": `{{$_ := set .db "host" "changed"}}web`}
	asked, err := appset.Unfold(base, appset.World{Plugin: func(string, argo.PluginParameters) ([]map[string]any, error) {
		return []map[string]any{{"id": "one", "db": map[string]any{"host": "h"}}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	head := overPlugin(t, true, "{{.id}}", "{{.db.host}}", "")
	made, err := appset.Unfold(head, appset.World{Known: &appset.Known{Answers: asked.Answers, Base: base}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("h", made.Applications[0].Labels["label"]); diff != "" {
		t.Errorf("it was changed:\n%s", diff)
	}
}

// An answer is to one question. Another is nobody's to ask where answers are all there is.
func TestAnswersAreToTheirQuestion(t *testing.T) {
	base := overPlugin(t, true, "{{.id}}", "x", "")
	asked, err := appset.Unfold(base, appset.World{Plugin: func(string, argo.PluginParameters) ([]map[string]any, error) {
		return []map[string]any{{"id": "one"}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	head := overPlugin(t, true, "{{.id}}", "x", "")
	head.Spec.Generators[0].Plugin.ConfigMapRef.Name = "others"
	called := false
	_, err = appset.Unfold(head, appset.World{Known: &appset.Known{Answers: asked.Answers, Base: base},
		Plugin: func(string, argo.PluginParameters) ([]map[string]any, error) {
			called = true
			return nil, nil
		}})
	var needs *appset.NeedsWorld
	if !errors.As(err, &needs) || !needs.Unanswered || called {
		t.Errorf("it yields %v; the plugin was asked: %t", err, called)
	}
}
