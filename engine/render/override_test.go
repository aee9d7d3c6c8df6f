package render_test

import (
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/render"
)

const valuesChart = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {{ toYaml .Values | nindent 2 }}\n"

func TestOverridesBesideTheSource(t *testing.T) {
	r := renderer(t, render.Options{})
	files := chart("x.yaml", valuesChart)
	files["chart/values.yaml"], files["chart/values-web.yaml"] = "a: one\n", "b: two\n"
	files["chart/.argocd-source.yaml"] = `repoURL: https://evil.example.com
path: elsewhere
targetRevision: v9
chart: other
helm:
  parameters:
  - {name: name, value: $ARGOCD_APP_NAME}
  - {name: namespace, value: "${ARGOCD_APP_NAMESPACE}"}
  - {name: project, value: $ARGOCD_APP_PROJECT_NAME}
  - {name: short, value: "$ARGOCD_APP_REVISION_SHORT/$ARGOCD_APP_REVISION_SHORT_8/$ARGOCD_APP_REVISION"}
  - {name: url, value: $ARGOCD_APP_SOURCE_REPO_URL}
  - {name: path, value: $ARGOCD_APP_SOURCE_PATH}
  - {name: target, value: $ARGOCD_APP_SOURCE_TARGET_REVISION}
  - {name: dollar, value: "$$HOME,$NOPE"}
  valueFiles: [values-$ARGOCD_APP_NAME.yaml]
  releaseName: all
`
	files["chart/.argocd-source-web.yaml"] = "helm: {releaseName: mine, values: 'c: $ARGOCD_APP_NAME'}\n"
	_, tree := newRepo(t, files)
	source := argo.ApplicationSource{RepoURL: "https://git.example.com/a.git", Path: "chart", TargetRevision: "main"}
	got := run(t, r, request(tree, source)).Objects[0]
	sha := string(tree.Commit())
	want := map[string]string{"a": "one", "b": "two", "c": "$ARGOCD_APP_NAME", "name": "web", "namespace": "shop", "project": "default", "short": sha[:7] + "/" + sha[:8] + "/" + sha,
		"url": "https://git.example.com/a.git", "path": "chart", "target": "main", "dollar": "$HOME,"}
	for key, value := range want {
		if have, _ := got.Object["data"].(map[string]any)[key].(string); have != value {
			t.Errorf("%s: %q, want %q", key, have, value)
		}
	}
	if got.GetName() != "mine" {
		t.Errorf("the application's own overrides do not come last: release %s", got.GetName())
	}
}

func TestMistakesInOverridesHaveTheirPlace(t *testing.T) {
	r := renderer(t, render.Options{})
	for text, want := range map[string]string{
		"helm: [x]\n":                           "chart/.argocd-source.yaml: helm: expected a map, found array",
		"helm:\n  parameters: {a: b}\n":         "chart/.argocd-source.yaml: helm.parameters: expected a list, found object",
		"helm:\n  skipCrds: \"yes\"\n":          "chart/.argocd-source.yaml: helm.skipCrds: expected true or false, found string",
		"helm:\n  releaseName: [\n":             "chart/.argocd-source.yaml:",
		"helm:\n\treleaseName: x\n":             "chart/.argocd-source.yaml:2: the YAML cannot be read: the line is indented with a tab",
		"kustomize: {namePrefix: x-}\n":         "spec.source: multiple application sources defined: Kustomize,Helm",
		"helm: &a {releaseName: x}\nother: *a":  "chart/.argocd-source.yaml: overrides may have no aliases",
		"- helm\n":                              "chart/.argocd-source.yaml: expected a map, found array",
		"helm: {valueFiles: [none-$NOPE.yaml]}": "none-.yaml",
	} {
		files := chart("x.yaml", valuesChart)
		files["chart/.argocd-source.yaml"] = text
		_, tree := newRepo(t, files)
		source := argo.ApplicationSource{Path: "chart", Helm: &argo.ApplicationSourceHelm{ReleaseName: "r"}}
		if f := fails(t, r, request(tree, source)); !strings.Contains(f.Error(), want) {
			t.Errorf("%q: %v", text, f)
		}
	}
}
