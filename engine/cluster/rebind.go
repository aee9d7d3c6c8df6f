package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/compare"
)

// bindsAnother says that the server refuses what it is asked because a binding's role cannot be changed once it is there. As kubectl auth
// reconcile does, and Argo CD by it, another binding then takes its place.
func (a *application) bindsAnother(err error) bool {
	if a.resource.Group != "rbac.authorization.k8s.io" || !apierrors.IsInvalid(err) {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "roleRef" })
}

// rebind puts another binding in the place of the live one. Since between the two nobody has the rights that they give, the server is
// asked first, under another name, whether it will take the new one: it lets nobody bind a role whose rights they do not have.
func (a *application) rebind(ctx context.Context) error {
	next, err := a.tryNext(ctx)
	if err != nil {
		return fmt.Errorf("its role cannot be changed in place, and what would take its place is refused: %w", err)
	}
	if a.DryRun {
		a.result = next
		return nil
	}
	if a.ClientSide {
		if a.wanted, err = compare.WithLastApplied(a.wanted); err != nil {
			return err
		}
	}
	live, err := a.live(ctx)
	switch {
	case err != nil:
		return err
	case live == nil:
		return a.create(ctx)
	}
	return a.supplant(ctx, live)
}
