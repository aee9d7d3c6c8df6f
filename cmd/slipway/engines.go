package main

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/controller"
)

// The engines that carry syncs out.
const (
	engineOwn    = "slipway"
	engineArgoCD = "argocd"
)

// beside says of an application whether Argo CD carries its operations out.
func (o *serveOptions) beside(mgr manager.Manager) func(context.Context, *argo.Application) (bool, error) {
	if o.engine == engineArgoCD {
		return func(context.Context, *argo.Application) (bool, error) { return true, nil }
	}
	return controller.Beside(mgr, o.namespace)
}
