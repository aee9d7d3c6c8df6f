package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
)

// Answers keeps what the generators of each set were told when all of them last answered, for reports, which ask nobody. It keeps them in
// memory alone. The zero Answers are ready; they are safe for concurrent use.
type Answers struct {
	mu sync.Mutex
	m  map[types.NamespacedName]appset.Answers
}

// Of are those of a set; none where it was not looked at since the start.
func (a *Answers) Of(set *argo.ApplicationSet) appset.Answers {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.m[client.ObjectKeyFromObject(set)]
}

func (a *Answers) keep(set types.NamespacedName, told appset.Answers) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[types.NamespacedName]appset.Answers{}
	}
	a.m[set] = told
}

func (a *Answers) forget(set types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.m, set)
}
