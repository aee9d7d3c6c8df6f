package project

import (
	"fmt"
	"strings"

	"github.com/gobwas/glob"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Impersonation is what an installation says of syncs as service accounts.
type Impersonation struct {
	// Enabled has syncs act as the account that the project names. Enforced refuses those for which it names none; else they act as ourselves.
	Enabled, Enforced bool
}

// ActAs is the user as whom an application is synced to a server, such as "system:serviceaccount:shop:deployer", or "" for ourselves. Of
// the project's destinationServiceAccounts the first whose server and namespace match counts. An account without a namespace is one of the
// destination's namespace or, where that is not said, of the application's. The error says why there is none; its texts are Argo CD's.
func (p Permits) ActAs(app *argo.Application, server string, i Impersonation) (string, error) {
	if !i.Enabled {
		return "", nil
	}
	destination := app.Spec.Destination.Namespace
	for _, entry := range p.spec.DestinationServiceAccounts {
		matches, err := entryMatches(entry, strings.TrimSuffix(server, "/"), destination)
		switch {
		case err != nil:
			return "", fmt.Errorf("failed to derive service account to impersonate: %w", err)
		case !matches:
			continue
		}
		namespace := destination
		if namespace == "" {
			namespace = app.Namespace
		}
		user, err := accountUser(entry.DefaultServiceAccount, namespace)
		if err != nil {
			return "", fmt.Errorf("failed to derive service account to impersonate: %w", err)
		}
		return user, nil
	}
	if i.Enforced {
		return "", fmt.Errorf("no matching service account found for destination server %s and namespace %s", server, destination)
	}
	return "", nil
}

// entryMatches holds an entry against a destination. A denial or a pattern that is no glob is a mistake, which must not let a later entry
// decide: it may name a mightier account.
func entryMatches(e argo.ApplicationDestinationServiceAccount, server, namespace string) (bool, error) {
	for _, field := range []struct{ name, pattern string }{{"server", e.Server}, {"namespace", e.Namespace}} {
		if isDenial(field.pattern) {
			return false, fmt.Errorf("%s has an invalid format, '%s'", field.name, field.pattern)
		}
		if _, err := glob.Compile(field.pattern); err != nil {
			return false, fmt.Errorf("invalid glob pattern for destination %s: %w", field.name, err)
		}
	}
	return matchWord(strings.TrimSuffix(e.Server, "/"), server) && matchWord(e.Namespace, namespace), nil
}

// accountUser is the user that a service account is: "name" of the namespace, or "namespace:name".
func accountUser(account, namespace string) (string, error) {
	name, own := account, namespace
	if before, after, ok := strings.Cut(account, ":"); ok {
		own, name = before, after
	}
	if strings.TrimSpace(name) == "" || strings.TrimSpace(own) == "" || strings.ContainsAny(account, "!*[]{}\\/ ") || strings.Contains(name, ":") {
		return "", fmt.Errorf("default service account contains invalid chars '%s'", account)
	}
	return "system:serviceaccount:" + own + ":" + name, nil
}
