package helm

import (
	"encoding/json"
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
)

// confineSchemas takes away schemas that refer to anything beyond themselves: Helm would load that from the network or the disk,
// wherever it points. Values are then not checked, which is said.
func (c *loaded) confineSchemas(ch *chart.Chart) {
	if ref := foreignRef(ch.Schema); ref != "" {
		ch.Schema = nil
		c.warnings = append(c.warnings, path.Join(c.at(ch), "values.schema.json")+": refers to "+ref+
			", which is not fetched, so values are not checked against this schema")
	}
	for _, sub := range ch.Dependencies() {
		c.confineSchemas(sub)
	}
}

// foreignRef is the first reference of a schema that leads out of it, or "". What is no JSON is left for Helm to complain about.
func foreignRef(schema []byte) string {
	var doc any
	if len(schema) == 0 || json.Unmarshal(schema, &doc) != nil {
		return ""
	}
	return foreignIn(doc)
}

func foreignIn(v any) string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if ref := foreignIn(e); ref != "" {
				return ref
			}
		}
	case map[string]any:
		for key, e := range v {
			text, isText := e.(string)
			if isText && strings.HasPrefix(key, "$") && strings.HasSuffix(strings.ToLower(key), "ref") && !strings.HasPrefix(text, "#") {
				return text
			}
			if isText && key == "$schema" && !standardSchema(text) {
				return text
			}
			if ref := foreignIn(e); ref != "" {
				return ref
			}
		}
	}
	return ""
}

// standardSchema says whether a dialect is one that the validator carries with it.
func standardSchema(url string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"), "json-schema.org/")
	if !ok {
		return false
	}
	switch strings.TrimSuffix(rest, "#") {
	case "draft-04/schema", "draft-06/schema", "draft-07/schema", "draft/2019-09/schema", "draft/2020-12/schema":
		return true
	}
	return false
}
