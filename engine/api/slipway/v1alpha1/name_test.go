package v1alpha1

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestNamesTellThingsApart(t *testing.T) {
	names := map[string]string{
		"pull request":               PullRequestName("github.com", 42, 7),
		"its neighbour":              PullRequestName("github.com", 42, 8),
		"other repository":           PullRequestName("github.com", 43, 7),
		"other host":                 PullRequestName("ghe.example.com", 42, 7),
		"digits moved":               PullRequestName("github.com", 427, 7),
		"digits moved the other way": PullRequestName("github.com", 42, 77),
		"repository":                 RepositoryName("github.com", 42),
		"repository of other host":   RepositoryName("ghe.example.com", 42),
		"application":                LockName(LockApplication, "argocd", "web"),
		"application elsewhere":      LockName(LockApplication, "team", "web"),
		"environment":                LockName(LockEnvironment, "", "web"),
		"namespace and name moved":   LockName(LockApplication, "argocdw", "eb"),
		"case of an environment":     LockName(LockEnvironment, "", "Web"),
		"long application":           LockName(LockApplication, "argocd", strings.Repeat("a", 60)),
		"longer application":         LockName(LockApplication, "argocd", strings.Repeat("a", 61)),
		"environment in words":       LockName(LockEnvironment, "", "Prod (EU) / blue"),
		"environment in other words": LockName(LockEnvironment, "", "Prod (EU) \\ blue"),
		"nothing readable":           LockName("", "", "…"),
	}
	seen := map[string]string{}
	for what, name := range names {
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s are both called %s", what, other, name)
		}
		seen[name] = what
		if errs := validation.IsDNS1123Label(name); len(errs) > 0 {
			t.Errorf("%s is called %q: %v", what, name, errs)
		}
	}
}

func TestHostsAreComparedWithoutCase(t *testing.T) {
	if PullRequestName("GitHub.com", 42, 7) != PullRequestName("github.com", 42, 7) {
		t.Error("a pull request's name depends on the case of the host")
	}
	if RepositoryName("GitHub.com", 42) != RepositoryName("github.com", 42) {
		t.Error("a repository's name depends on the case of the host")
	}
}

// TestNamesStayAsTheyAre guards what is stored: a new way to name things would
// make the bot forget every pull request and lock that exists.
func TestNamesStayAsTheyAre(t *testing.T) {
	for have, want := range map[string]string{
		PullRequestName("github.com", 42, 7):        "pr-7-1ddf7c15d399f18b2965",
		RepositoryName("github.com", 42):            "repo-42-91105b3ac1a90eaec840",
		LockName(LockApplication, "argocd", "web"):  "application-web-59608ae7befe1c48adcb",
		LockName(LockEnvironment, "", "production"): "environment-production-c9243139de5b4c25e8c0",
	} {
		if have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
}

func FuzzLockName(f *testing.F) {
	f.Add("application", "argocd", "web")
	f.Add("environment", "", "Prod (EU)")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, kind, namespace, name string) {
		if errs := validation.IsDNS1123Label(LockName(kind, namespace, name)); len(errs) > 0 {
			t.Errorf("%q: %v", LockName(kind, namespace, name), errs)
		}
	})
}
