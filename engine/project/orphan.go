package project

import "github.com/slipway-cd/slipway/engine/object"

// Orphans says whether the project looks for objects that no application owns, and whether it warns of them.
func (p Permits) Orphans() (looks, warns bool) {
	o := p.spec.OrphanedResources
	return o != nil, o != nil && (o.Warn == nil || *o.Warn)
}

// Orphan says whether an object that no application owns is one to speak of: the project permits it, and does not expect it. An entry of
// its ignore list without a kind or a name is for all of them; without a group it is for the core group, as in Argo CD.
func (p Permits) Orphan(id object.ID, cluster Destination) bool {
	if p.spec.OrphanedResources == nil || id.Namespace == "" || p.Object(id, true, cluster) != "" {
		return false
	}
	for _, item := range p.spec.OrphanedResources.Ignore {
		if (item.Kind == "" || matchGlob(item.Kind, id.Kind)) && matchGlob(item.Group, id.Group) && (item.Name == "" || matchGlob(item.Name, id.Name)) {
			return false
		}
	}
	return true
}
