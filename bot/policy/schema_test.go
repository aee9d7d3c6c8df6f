package policy_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
)

// TestSchemaKnowsEveryField decodes a file with each property of the schema, and asks that Decode knows it; a field that only Decode knows
// shows as one that the file of all properties lacks.
func TestSchemaKnowsEveryField(t *testing.T) {
	var schema struct {
		Properties map[string]json.RawMessage
		Defs       map[string]struct {
			Properties map[string]json.RawMessage
		} `json:"$defs"`
	}
	if err := json.Unmarshal(policy.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	sections := map[string]struct {
		before string
		values map[string]string
		have   map[string]json.RawMessage
	}{
		"the file": {"", map[string]string{"version": "1", "lockTimeout": "2h", "comment": "changes", "statuses": "true", "environments": "[]", "freezes": "[]", "overrides": "[]",
			"guards": "{schema: block, images: off}", "rules": "[{name: a, expression: 'true'}]", "previews": "{}"}, schema.Properties},
		"an environment": {"environments:\n- name: first\n- ", map[string]string{"name": "a", "match": "{labels: {a: b}, applications: ['*']}", "production": "true",
			"beforeMerge": "true", "requires": "{approvals: 1, approvers: {users: [a], teams: [a/b]}, after: [first], checks: all, upToDate: true, codeOwners: true}",
			"allow": "{permission: write, users: [a], teams: [a/b], unlock: {users: [a]}, force: {teams: [a/b]}, actions: [restart]}", "guards": "{destructive: block}"}, schema.Defs["environment"].Properties},
		"an override": {"environments:\n- name: first\noverrides:\n- ", map[string]string{"guards": "[a]", "environments": "[first]", "by": "{users: [a]}"},
			schema.Defs["override"].Properties},
		"guards": {"guards:\n  ", map[string]string{"kinds": "warn", "removed-apis": "off", "project": "block", "schema": "block", "destructive": "block",
			"dry-run": "block", "images": "off", "deprecated-apis": "off"}, schema.Defs["guards"].Properties},
		"a rule": {"environments:\n- name: first\nrules:\n- ", map[string]string{"name": "a", "message": "b", "level": "block", "expression": "object != null",
			"match": "{kinds: [apps/*], environments: [first], changes: [removed]}"}, schema.Defs["rule"].Properties},
		"previews": {"previews:\n  ", map[string]string{"paths": "[/web/]", "drafts": "true", "ttl": "72h", "limit": "3", "image": "'example.com/web:{{head_sha}}'"},
			schema.Defs["previews"].Properties},
		"a freeze that recurs": {"environments:\n- name: first\nfreezes:\n- ", map[string]string{"name": "a", "environments": "[first]", "reason": "b",
			"schedule": "'0 5 * * *'", "duration": "1h", "timeZone": "Europe/Berlin", "override": "{users: [a]}"}, without(schema.Defs["freeze"].Properties, "from", "to")},
		"a freeze once": {"freezes:\n- ", map[string]string{"name": "a", "from": "'2026-01-01T00:00:00Z'", "to": "'2026-01-02T00:00:00Z'"},
			without(schema.Defs["freeze"].Properties, "environments", "reason", "schedule", "duration", "timeZone", "override")},
	}
	for name, s := range sections {
		t.Run(name, func(t *testing.T) {
			fields, have := slices.Sorted(maps.Keys(s.values)), slices.Sorted(maps.Keys(s.have))
			if !slices.Equal(fields, have) {
				t.Fatalf("the schema has %v, Decode has %v", have, fields)
			}
			text, indent := s.before, ""
			for _, f := range fields {
				text += indent + f + ": " + s.values[f] + "\n"
				if s.before != "" {
					indent = "  "
				}
			}
			if _, fault := policy.Decode([]byte(text)); fault != nil {
				t.Errorf("%v:\n%s", fault, text)
			}
		})
	}
}

func without(m map[string]json.RawMessage, names ...string) map[string]json.RawMessage {
	m = maps.Clone(m)
	for _, n := range names {
		delete(m, n)
	}
	return m
}
