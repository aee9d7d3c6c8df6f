package deploy

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// appManifest has the keys that GitHub's manifest flow knows.
type appManifest struct {
	Name           string `json:"name"`
	URL            string `json:"url"`
	Description    string `json:"description"`
	Public         *bool  `json:"public"`
	HookAttributes struct {
		URL    string `json:"url"`
		Active bool   `json:"active"`
	} `json:"hook_attributes"`
	RedirectURL           string            `json:"redirect_url"`
	CallbackURLs          []string          `json:"callback_urls"`
	SetupURL              string            `json:"setup_url"`
	SetupOnUpdate         bool              `json:"setup_on_update"`
	RequestOAuthOnInstall bool              `json:"request_oauth_on_install"`
	DefaultEvents         []string          `json:"default_events"`
	DefaultPermissions    map[string]string `json:"default_permissions"`
}

// eventNeeds is GitHub's documentation of webhook events: the permissions of
// which one lets an App subscribe.
var eventNeeds = map[string][]string{
	"pull_request":        {"pull_requests"},
	"pull_request_review": {"pull_requests"},
	"issue_comment":       {"issues"},
	"check_run":           {"checks"},
	"check_suite":         {"checks"},
	"push":                {"contents"},
	"merge_group":         {"merge_queues"},
	"repository":          {"metadata"},
}

func readAppManifest(t *testing.T) appManifest {
	t.Helper()
	text, err := os.ReadFile("../app.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var app appManifest
	if err := yaml.UnmarshalStrict(text, &app); err != nil {
		t.Fatal(err)
	}
	return app
}

func TestAppIsPrivateAndListens(t *testing.T) {
	app := readAppManifest(t)
	if app.Public == nil || *app.Public {
		t.Error("the App must say that it is private: public: false")
	}
	if !app.HookAttributes.Active || app.HookAttributes.URL != app.URL+"/webhook/github" {
		t.Errorf("deliveries go to %s, active %v", app.HookAttributes.URL, app.HookAttributes.Active)
	}
}

// TestAppAsksForNoMore is a second pair of eyes: a wider permission is a
// decision, to be made here as well.
func TestAppAsksForNoMore(t *testing.T) {
	want := map[string]string{
		"metadata": "read", "contents": "read", "merge_queues": "read",
		"pull_requests": "write", "issues": "write", "checks": "write", "deployments": "write",
	}
	if diff := cmp.Diff(want, readAppManifest(t).DefaultPermissions); diff != "" {
		t.Errorf("permissions (-decided, +asked):\n%s", diff)
	}
}

func TestAppMaySubscribeToItsEvents(t *testing.T) {
	app := readAppManifest(t)
	want := slices.Sorted(maps.Keys(eventNeeds))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(app.DefaultEvents))); diff != "" {
		t.Errorf("events (-wanted, +subscribed):\n%s", diff)
	}
	for _, event := range app.DefaultEvents {
		if !slices.ContainsFunc(eventNeeds[event], func(p string) bool { return app.DefaultPermissions[p] != "" }) {
			t.Errorf("%s needs one of %v", event, eventNeeds[event])
		}
	}
}
