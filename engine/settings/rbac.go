package settings

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// RBACName is the ConfigMap that says who may do what.
const RBACName = "argocd-rbac-cm"

// RBAC is what argocd-rbac-cm says, beside the local accounts of argocd-cm.
type RBAC struct {
	// Policy is policy.csv with the overlays policy.*.csv below it, in the order of their names.
	Policy string
	// Default is the role of everybody; empty is none.
	Default string
	// MatchMode is "glob" or "regex"; empty means "glob".
	MatchMode string
	// Scopes are the claims that name somebody's groups when they sign in; none means "groups".
	Scopes []string
}

// DecodeRBAC reads the data of argocd-rbac-cm. What cannot be read keeps its default, and is the error.
func DecodeRBAC(data map[string]string) (RBAC, error) {
	r := RBAC{Default: strings.TrimSpace(data["policy.default"])}
	parts := []string{data["policy.csv"]}
	var overlays []string
	for key := range data {
		if strings.HasPrefix(key, "policy.") && strings.HasSuffix(key, ".csv") && key != "policy.csv" {
			overlays = append(overlays, key)
		}
	}
	slices.Sort(overlays)
	for _, key := range overlays {
		parts = append(parts, data[key])
	}
	r.Policy = strings.Join(parts, "\n")
	switch mode := data["policy.matchMode"]; mode {
	case "", "glob", "regex":
		r.MatchMode = mode
	default:
		return r, fmt.Errorf("%s: policy.matchMode: %q is neither glob nor regex", RBACName, mode)
	}
	if text := strings.TrimSpace(data["scopes"]); text != "" {
		var scopes []string
		if err := yaml.Unmarshal([]byte(text), &scopes); err != nil {
			return r, fmt.Errorf("%s: scopes is no list of names", RBACName)
		}
		r.Scopes = scopes
	}
	return r, nil
}

// accounts are the names of local accounts: accounts.NAME in argocd-cm.
func accounts(m map[string]string) []string {
	var all []string
	for key := range m {
		name, ok := strings.CutPrefix(key, "accounts.")
		if name, _, _ = strings.Cut(name, "."); ok && name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
