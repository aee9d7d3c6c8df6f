package project

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Denial is why an object is not permitted: Argo CD's text, and which rule of the project says so. The zero value permits.
type Denial struct{ Message, Rule string }

// Explain is Object with the rule that decides.
func (p Permits) Explain(id object.ID, namespaced bool, cluster Destination) Denial {
	message := p.Object(id, namespaced, cluster)
	switch {
	case message == "":
		return Denial{}
	case p.Kind(id.GroupKind(), namespaced, id.Name):
		cluster.Namespace = id.Namespace
		return Denial{message, p.whyNotThere(cluster)}
	case namespaced:
		return Denial{message, whyNotListed("namespaceResource", p.spec.NamespaceResourceBlacklist, func(e metav1.GroupKind) (bool, string) {
			return matchKind(e.Group, id.Group) && matchKind(e.Kind, id.Kind), e.Group + ":" + e.Kind
		})}
	}
	return Denial{message, whyNotListed("clusterResource", p.spec.ClusterResourceBlacklist, func(e argo.ClusterResourceRestrictionItem) (bool, string) {
		text := e.Group + ":" + e.Kind
		if e.Name != "" {
			text += " " + e.Name
		}
		return matchKind(e.Group, id.Group) && matchKind(e.Kind, id.Kind) && (e.Name == "" || matchGlob(e.Name, id.Name)), text
	})}
}

// whyNotListed names the entry of a blacklist that takes a kind away, or the whitelist that does not have it.
func whyNotListed[E any](list string, blacklist []E, hit func(E) (bool, string)) string {
	for i, e := range blacklist {
		if is, text := hit(e); is {
			return fmt.Sprintf("spec.%sBlacklist[%d] is %s", list, i, text)
		}
	}
	return fmt.Sprintf("spec.%sWhitelist does not list it", list)
}

// whyNotThere names the destination that denies, or says that none permits.
func (p Permits) whyNotThere(d Destination) string {
	if p.spec.PermitOnlyProjectScopedClusters && !p.scoped(d) {
		return "spec.permitOnlyProjectScopedClusters is set, and the cluster is not registered for the project"
	}
	for i, e := range p.spec.Destinations {
		if _, denied := entry(e, d); denied {
			return fmt.Sprintf("spec.destinations[%d] denies it", i)
		}
	}
	return "none of spec.destinations permits it"
}
