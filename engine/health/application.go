package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

// rank is how bad a status is; a code that is not Argo CD's counts as Unknown.
func rank(s Status) int {
	switch s {
	case Healthy:
		return 0
	case Suspended:
		return 1
	case Progressing:
		return 2
	case Missing:
		return 3
	case Degraded:
		return 4
	}
	return 5
}

// Worst is the worse of two statuses.
func Worst(a, b Status) Status {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// Resource is what an application's health asks of one of its objects.
type Resource struct {
	ID     object.ID
	Health *Health // nil if it has none
	// Missing: the object is desired and not there.
	Missing bool
	// Skipped: a hook, an object that is not counted, one that asks to be left out (see Ignored), or the application itself.
	Skipped bool
}

// Ignored says that a live object asks not to be counted in its application's health.
func Ignored(u *unstructured.Unstructured) bool {
	return u != nil && u.GetAnnotations()["argocd.argoproj.io/ignore-healthcheck"] == "true"
}

// Application is the health of an application: that of the worst of its own objects. Missing objects count only if every object
// that is expected is missing; a child application that is Missing or Unknown never counts. The second result lists the
// objects that are as bad as the application, so that a report can name them; it is empty for a healthy one.
func Application(resources ...Resource) (Status, []object.ID) {
	status := Healthy
	expected, missing := 0, 0
	var causes []object.ID
	for _, r := range resources {
		if r.Skipped {
			continue
		}
		expected++
		if r.Missing {
			missing++
			continue
		}
		if r.Health == nil || r.Health.Status == Healthy || childToOverlook(r) {
			continue
		}
		switch s := r.Health.Status; {
		case rank(s) > rank(status):
			status, causes = s, []object.ID{r.ID}
		case rank(s) == rank(status):
			causes = append(causes, r.ID)
		}
	}
	if expected > 0 && missing == expected {
		return Missing, missingOf(resources)
	}
	return status, causes
}

func childToOverlook(r Resource) bool {
	return r.ID.Group == "argoproj.io" && r.ID.Kind == "Application" && (r.Health.Status == Missing || r.Health.Status == Unknown)
}

func missingOf(resources []Resource) []object.ID {
	var ids []object.ID
	for _, r := range resources {
		if r.Missing && !r.Skipped {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
