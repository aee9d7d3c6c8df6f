package cluster

import (
	"fmt"
	"sync"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// actors are the clients of accounts that were acted as.
type actors struct {
	mu      sync.Mutex
	clients map[string]dynamic.Interface
}

// actorsKept bounds them; they are cheap to make again.
const actorsKept = 1000

// As is the cluster to act in as somebody, such as "system:serviceaccount:shop:deployer", by impersonation: what is applied, deleted,
// tried and read by name through it, the API server answers as it would answer them, and refuses what they may not. What watches keep, and
// what the cluster serves, is still what we see. We need the right to impersonate them. An empty account is ourselves.
func (c *Cluster) As(account string) (*Cluster, error) {
	if account == c.account {
		return c, nil
	}
	if account == "" {
		return &Cluster{shared: c.shared, dynamic: c.own}, nil
	}
	a := &c.actors
	a.mu.Lock()
	defer a.mu.Unlock()
	client, ok := a.clients[account]
	if !ok {
		config := rest.CopyConfig(c.config)
		config.Impersonate = rest.ImpersonationConfig{UserName: account}
		var err error
		if client, err = dynamic.NewForConfig(config); err != nil {
			return nil, fmt.Errorf("preparing to act as %s: %w", account, err)
		}
		if a.clients == nil || len(a.clients) >= actorsKept {
			a.clients = map[string]dynamic.Interface{}
		}
		a.clients[account] = client
	}
	return &Cluster{shared: c.shared, dynamic: client, account: account}, nil
}
