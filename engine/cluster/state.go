package cluster

import (
	"cmp"
	"slices"

	"github.com/slipway-cd/slipway/engine/settings"
)

// State is how a cluster is as far as is known without asking it.
type State struct {
	Name, Server string
	// KubeVersion is empty as long as the cluster has not answered.
	KubeVersion string
	// Asked is whether anybody has asked it for anything, Connected whether it answers.
	Asked, Connected bool
	// Kinds are how many are followed in it, Objects how many of these are known.
	Kinds, Objects int
}

// States are those of all clusters that are registered or were asked, in the order of their addresses.
func (c *Clusters) States() []State {
	all := map[string]State{}
	for _, r := range c.settings().Clusters {
		all[r.Server] = State{Name: r.Name, Server: r.Server}
	}
	c.mu.Lock()
	for key, k := range c.open {
		is, registered := all[key.server]
		if !is.Asked && (registered || key.server == settings.InClusterServer) {
			all[key.server] = k.cluster.state()
		}
	}
	c.mu.Unlock()
	out := make([]State, 0, len(all))
	for _, s := range all {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b State) int { return cmp.Compare(a.Server, b.Server) })
	return out
}

func (c *Cluster) state() State {
	s := State{Name: c.Name(), Server: c.Server(), KubeVersion: c.KubeVersion()}
	c.mu.Lock()
	s.Asked = s.KubeVersion != "" || c.failure != nil
	c.mu.Unlock()
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	silent := 0
	for _, w := range c.cache.kinds {
		w.mu.Lock()
		if w.trouble != nil {
			silent++
		}
		w.mu.Unlock()
		for _, st := range w.stores {
			st.mu.RLock()
			s.Objects += len(st.all)
			st.mu.RUnlock()
		}
	}
	s.Kinds = len(c.cache.kinds)
	// One kind may be in trouble by itself; when all of them are, it is the cluster.
	s.Connected = s.KubeVersion != "" && (s.Kinds == 0 || silent < s.Kinds)
	return s
}
