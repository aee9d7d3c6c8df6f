package health

import (
	"fmt"
	"strings"

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

// Resource is what an application's health asks of one of its objects. Hooks, objects that ask to be left out (see Ignored)
// and the application itself are not among them.
type Resource struct {
	ID object.ID
	// Wanted says that the sources have the object, Live that the cluster has it.
	Wanted, Live bool
	// Health is nil if the object has none.
	Health *Health
}

// Ignored says that a live object asks not to be counted in its application's health.
func Ignored(u *unstructured.Unstructured) bool {
	return u != nil && u.GetAnnotations()["argocd.argoproj.io/ignore-healthcheck"] == "true"
}

// Application is the health of an application: that of the worst of its own objects, and which those are. Missing objects count
// only if every object that is wanted is missing; a child application that is Missing or Unknown never counts.
func Application(resources []Resource) Health {
	status := Healthy
	wanted := 0
	var causes, missing []Resource
	for _, r := range resources {
		if r.Wanted {
			wanted++
		}
		if !r.Live {
			missing = append(missing, r)
			continue
		}
		if r.Health == nil || r.Health.Status == Healthy || overlooked(r) {
			continue
		}
		switch s := r.Health.Status; {
		case rank(s) > rank(status):
			status, causes = s, []Resource{r}
		case rank(s) == rank(status):
			causes = append(causes, r)
		}
	}
	if wanted > 0 && len(missing) >= wanted {
		status, causes = Missing, missing
	}
	return Health{Status: status, Message: because(causes)}
}

func overlooked(r Resource) bool {
	return r.ID.Group == "argoproj.io" && r.ID.Kind == "Application" && (r.Health.Status == Missing || r.Health.Status == Unknown)
}

// named is how many objects a message names.
const named = 3

// because names the objects that are as bad as the application, as Argo CD does.
func because(causes []Resource) string {
	if len(causes) == 0 {
		return ""
	}
	var names []string
	for _, r := range causes[:min(named, len(causes))] {
		name := r.ID.Kind + ":" + r.ID.Name
		if r.ID.Namespace != "" {
			name = r.ID.Kind + ":" + r.ID.Namespace + "/" + r.ID.Name
		}
		if r.ID.Group != "" {
			name = r.ID.Group + "/" + name
		}
		names = append(names, name)
	}
	text := "Caused by " + strings.Join(names, ", ")
	if more := len(causes) - len(names); more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
