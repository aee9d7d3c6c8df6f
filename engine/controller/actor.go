package controller

import (
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/run"
)

// actor is the destination as the account as which the application's objects are applied and deleted, where the installation and its
// project say so: then the API server refuses what that account may not, whatever we might.
func (p *pass) actor(dest Destination) (run.Cluster, error) {
	var i project.Impersonation
	if p.Impersonation != nil {
		i = p.Impersonation()
	}
	account, err := p.permits().ActAs(p.app, dest.Server(), i)
	if err != nil || account == "" {
		return dest, err
	}
	return dest.As(account)
}
