package cluster

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Try asks the API server whether it would take an object that is applied with these options as an account, empty for our own. Nothing is
// changed. The warnings are the server's; the error is its refusal, or why it could not be asked.
func (c *Cluster) Try(ctx context.Context, u *unstructured.Unstructured, account string, o ApplyOptions) (warnings []string, err error) {
	as, err := c.As(account)
	if err != nil {
		return nil, err
	}
	o.DryRun = true
	applied, err := as.Apply(ctx, u, o)
	return applied.Warnings, err
}
