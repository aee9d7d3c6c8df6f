package cluster

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// settle gives a new definition a moment to be served and described, so that what follows finds its kind and schema. It is an attempt, not a condition.
func (a *application) settle(ctx context.Context) {
	if a.id().GroupKind() != (schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !established(a.result) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if live, err := a.live(ctx); err == nil && live != nil {
			a.result = live
		}
	}
	if err := a.refresh(ctx); err != nil {
		a.log.Debug("cannot look at what is served", "error", err)
	}
	for !a.published(ctx, versionsOf(a.result)) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// versionsOf are the group versions that a definition serves.
func versionsOf(definition *unstructured.Unstructured) []schema.GroupVersion {
	group, _, err := unstructured.NestedString(definition.Object, "spec", "group")
	if err != nil {
		return nil
	}
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return nil
	}
	var out []schema.GroupVersion
	for _, v := range versions {
		if m, ok := v.(map[string]any); ok && m["served"] == true {
			name, _ := m["name"].(string)
			out = append(out, schema.GroupVersion{Group: group, Version: name})
		}
	}
	return out
}

func established(u *unstructured.Unstructured) bool {
	conditions, _, err := unstructured.NestedSlice(u.Object, "status", "conditions")
	if err != nil {
		return false
	}
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Established" && m["status"] == "True" {
			return true
		}
	}
	return false
}
