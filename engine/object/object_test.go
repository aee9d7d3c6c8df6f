package object_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

func configMap(name, generateName, value string) object.Object {
	metadata := map[string]any{"namespace": "shop"}
	if name != "" {
		metadata["name"] = name
	}
	if generateName != "" {
		metadata["generateName"] = generateName
	}
	return object.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": map[string]any{"value": value}}}}
}

func value(o object.Object) string {
	v, _, _ := unstructured.NestedString(o.Object, "data", "value")
	return v
}

func TestIDs(t *testing.T) {
	ids := []object.ID{
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"},
		{Kind: "Service", Namespace: "shop", Name: "web"},
		{Kind: "Namespace", Name: "shop"},
		{Kind: "ConfigMap", Namespace: "shop", Name: "b"},
		{Kind: "ConfigMap", Namespace: "shop", Name: "a"},
	}
	slices.SortFunc(ids, object.ID.Compare)
	var got []string
	for _, id := range ids {
		got = append(got, id.String())
		if id.Compare(id) != 0 {
			t.Errorf("%s does not equal itself", id)
		}
	}
	want := []string{"Namespace shop", "ConfigMap shop/a", "ConfigMap shop/b", "Service shop/web", "apps/Deployment shop/web"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheLaterOfTwoObjectsWins(t *testing.T) {
	s := object.NewSet(configMap("a", "", "first"), configMap("b", "", "other"), configMap("a", "", "second"), configMap("a", "", "third"))
	id := configMap("a", "", "").ID()
	if o, ok := s.Find(id); !ok || value(o) != "third" || s.Len() != 2 || value(s.All()[0]) != "third" {
		t.Errorf("found %v in %d objects", o, s.Len())
	}
	if diff := cmp.Diff([]object.ID{id, id}, s.Repeated()); diff != "" {
		t.Error(diff)
	}
}

func TestObjectsWithoutANameAreNoRepeats(t *testing.T) {
	s := object.NewSet(configMap("", "report-", "first"), configMap("", "report-", "second"))
	if s.Len() != 2 || len(s.Repeated()) != 0 {
		t.Errorf("%d objects, repeated %v", s.Len(), s.Repeated())
	}
}

func TestASetThatIsNilIsEmpty(t *testing.T) {
	var s *object.Set
	if _, found := s.Find(object.ID{}); found || s.Len() != 0 || s.All() != nil || s.Repeated() != nil || s.Digest() != object.NewSet().Digest() {
		t.Error("it has something")
	}
}

func TestDigestsTellContentsApartAndNotOrders(t *testing.T) {
	a, b := configMap("a", "", "1"), configMap("b", "", "2")
	one := object.NewSet(a, b).Digest()
	placed := a
	placed.Place = object.Place{File: "a.yaml", Line: 3}
	if object.NewSet(b, placed).Digest() != one {
		t.Error("the order, or the place, of objects counts")
	}
	for name, s := range map[string]*object.Set{"another value": object.NewSet(configMap("a", "", "3"), b), "one less": object.NewSet(a),
		"one more": object.NewSet(a, b, configMap("c", "", "1")), "none": object.NewSet()} {
		if s.Digest() == one {
			t.Errorf("%s has the same digest", name)
		}
	}
}

func TestFaults(t *testing.T) {
	f := &object.Fault{Place: object.Place{File: "app/web.yaml", Line: 7}, Field: "spec.replicas", Message: "is no number", Hint: "write 2"}
	err := fmt.Errorf("rendering: %w", f)
	if got, want := err.Error(), "rendering: app/web.yaml:7: spec.replicas: is no number (write 2)"; got != want {
		t.Errorf("%q", got)
	}
	if got, ok := object.AsFault(err); !ok || got != f {
		t.Errorf("found %v", got)
	}
	if _, ok := object.AsFault(errors.New("the disk is full")); ok {
		t.Error("a fault of ours passes for one of the author's")
	}
	if got := (&object.Fault{Place: object.Place{File: "a"}, Message: "is wrong"}).Error(); got != "a: is wrong" {
		t.Errorf("%q", got)
	}
}
