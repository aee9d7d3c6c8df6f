package controller

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// at is a destination that is only known by its address.
type at struct {
	Destination
	server string
}

func (a at) Server() string { return a.server }

// A cluster that cannot be reached at the moment is no reason to take an adopter for none: the objects would be deleted under its hands.
func TestWhetherAnAdopterIsOfTheSameClusterIsNotGuessed(t *testing.T) {
	away := errors.New("connection refused")
	p := &pass{applications: &applications{Deps: Deps{Clusters: func(_ context.Context, d argo.ApplicationDestination) (Destination, error) {
		switch d.Name {
		case "away":
			return nil, away
		case "nowhere":
			return nil, &cluster.DestinationError{Message: "there are no clusters with this name: nowhere"}
		}
		return at{server: "https://" + d.Server + d.Name}, nil
	}}}}
	to := func(d argo.ApplicationDestination) *argo.Application {
		return &argo.Application{Spec: argo.ApplicationSpec{Destination: d}}
	}
	for name, c := range map[string]struct {
		ours, theirs argo.ApplicationDestination
		same         bool
		err          error
	}{
		"the same by name and address": {argo.ApplicationDestination{Name: "a"}, argo.ApplicationDestination{Server: "a"}, true, nil},
		"another":                      {argo.ApplicationDestination{Name: "a"}, argo.ApplicationDestination{Name: "b"}, false, nil},
		"theirs is out of reach":       {argo.ApplicationDestination{Name: "a"}, argo.ApplicationDestination{Name: "away"}, false, away},
		"ours is out of reach":         {argo.ApplicationDestination{Name: "away"}, argo.ApplicationDestination{Name: "a"}, false, away},
		"theirs is none":               {argo.ApplicationDestination{Name: "a"}, argo.ApplicationDestination{Name: "nowhere"}, false, nil},
	} {
		p.app = to(c.ours)
		same, err := p.sameCluster(t.Context(), to(c.theirs))
		if same != c.same || !errors.Is(err, c.err) {
			t.Errorf("%s: %v %v", name, same, err)
		}
	}
}

// What a sync makes around an application is in no comparison: to wait until one shows it would hold status up.
func TestWhatIsBesideAnApplication(t *testing.T) {
	wanted := object.ID{Kind: "Namespace", Name: "written"}
	set := object.NewSet()
	set.Add(object.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": wanted.Kind, "metadata": map[string]any{"name": wanted.Name}}}})
	g := &gathered{wants: &desired{target: change.Target{Objects: set}}}
	for id, want := range map[object.ID]bool{
		wanted:                            false,
		{Kind: "Namespace", Name: "shop"}: true,
		{Kind: "ConfigMap", Name: "shop"}: false,
		{Kind: "ResourceQuota", Namespace: "shop", Name: engine.FenceName}:                             true,
		{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "shop", Name: engine.FenceName}: true,
		{Kind: "ResourceQuota", Namespace: "shop", Name: "theirs"}:                                     false,
	} {
		if got := g.isBeside(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
}
