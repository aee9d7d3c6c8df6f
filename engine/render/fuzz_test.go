package render

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// FuzzFrames gives a parent what a worker that was taken over may send: it is read or refused, and what is read is what was sent.
func FuzzFrames(f *testing.F) {
	sent := func(kind byte, header any, blob ...[]byte) []byte {
		var out bytes.Buffer
		if err := newLink(strings.NewReader(""), &out).send(kind, header, blob...); err != nil {
			f.Fatal(err)
		}
		return out.Bytes()
	}
	const one = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`
	f.Add(sent(kindDone, outcome{Objects: []written{{Size: len(one)}}, Uses: []use{{Dir: ".", Names: []string{"a"}}}}, []byte(one)))
	f.Add(sent(kindDone, outcome{Objects: []written{{Size: -1}, {Size: 1 << 40}}}, []byte("{}")))
	f.Add(sent(kindDone, outcome{Fault: &object.Fault{Message: "no"}, Lacks: []lack{{Remote: Remote{Kind: RemoteChart, URL: "https://x", Chart: "c"}}}}))
	f.Add(sent(kindQuery, query{Op: askRead, Path: "../../etc/passwd"}))
	f.Add([]byte("D\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) >= 9 && int64(binary.BigEndian.Uint32(text[1:]))+int64(binary.BigEndian.Uint32(text[5:])) > int64(len(text))+4096 {
			t.Skip("makes room for more than comes, which is bounded")
		}
		got, err := newLink(bytes.NewReader(text), nil).receive()
		if err != nil {
			return
		}
		if want := text[:9+len(got.header)+len(got.blob)]; !bytes.Equal(append(append(bytes.Clone(want[:9]), got.header...), got.blob...), want) {
			t.Error("the frame is not what was sent")
		}
		var q query
		if got.read(&q) == nil && q.Tree != "" {
			if r, _ := (library{}).answer(q, newGiven()); r.Problem == nil {
				t.Errorf("a question about a tree that is not there is answered: %+v", q)
			}
		}
		var o outcome
		if got.read(&o) != nil {
			return
		}
		library{}.note(o.Uses)
		if objects, _, err := new(shelf).decode(o.Objects, got.blob); err == nil && len(objects) != len(o.Objects) {
			t.Errorf("%d of %d objects", len(objects), len(o.Objects))
		}
	})
}

// FuzzOverrides merges what a folder says of its own source: that cannot be moved, and does not grow.
func FuzzOverrides(f *testing.F) {
	for _, text := range []string{"", "helm: {parameters: [{name: a, value: b}]}", "repoURL: x\npath: ../..\nchart: c", "kustomize: null", "[]", "helm: []", "a: &a [x]\nb: *a", "? {a: b}\n: c",
		"helm: {valuesObject: {a: {b: [1, 2.5, null]}}}", "directory: {jsonnet: {extVars: [{name: a, code: true}]}}", "<<: {path: x}"} {
		f.Add(text)
	}
	before := argo.ApplicationSource{RepoURL: "https://host/repo", Path: "app", TargetRevision: "main", Helm: &argo.ApplicationSourceHelm{Values: "a: 1"}}
	f.Fuzz(func(t *testing.T, text string) {
		if plain([]byte(text)) != nil {
			return
		}
		if len(text) > maxOverride {
			t.Error("it is larger than it may be")
		}
		after, err := patch(before, []byte(text))
		if err != nil {
			return
		}
		again, err := patch(before, []byte(text))
		if diff := cmp.Diff(after, again); err != nil || diff != "" {
			t.Errorf("another time: %v\n%s", err, diff)
		}
		if before.Helm.Values != "a: 1" || before.Path != "app" {
			t.Error("the source itself was changed")
		}
	})
}

// FuzzVariables puts build variables into what a source says: never those of the server's own environment.
func FuzzVariables(f *testing.F) {
	for _, text := range []string{"", "$", "$$", "$HUSH", "${HUSH}", "$$HUSH", "${$HUSH}", "$ARGOCD_APP_NAME", "${ARGOCD_APP_REVISION_SHORT}", "$ref/values.yaml", "a$ARGOCD_APP_NAMESPACE-b", "${", "$}", "${}"} {
		f.Add(text)
	}
	f.Setenv("HUSH", "the server's own")
	req := Request{Name: "web", Namespace: "shop", Project: "default", Revision: "0123456789abcdef"}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "the server") {
			return
		}
		source := argo.ApplicationSource{Helm: &argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Value: text}}, ValueFiles: []string{text},
			FileParameters: []argo.HelmFileParameter{{Path: text}}}, Kustomize: &argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{argo.KustomizeImage(text)}}}
		got := substitute(*source.DeepCopy(), req)
		for _, s := range []string{got.Helm.Parameters[0].Value, got.Helm.ValueFiles[0], got.Helm.FileParameters[0].Path, string(got.Kustomize.Images[0])} {
			if strings.Contains(s, "the server") {
				t.Errorf("%q became %q", text, s)
			}
			if !strings.Contains(text, "$") && s != text {
				t.Errorf("%q became %q, without a variable", text, s)
			}
		}
	})
}
