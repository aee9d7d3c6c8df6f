package cluster_test

import (
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// The first look at an application in a cluster: connection, schemas, and the first listing of its kinds.
func BenchmarkLiveCold(b *testing.B) {
	want := kindsOfAnApplication()
	for b.Loop() {
		clusters := cluster.NewClusters(cluster.Deps{InCluster: shared})
		c, err := clusters.For(b.Context(), argo.ApplicationDestination{Name: "in-cluster"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Live(b.Context(), "shop", want, nil); err != nil {
			b.Fatal(err)
		}
		clusters.Close()
	}
}

// Every later look.
func BenchmarkLiveWarm(b *testing.B) {
	want := kindsOfAnApplication()
	clusters := cluster.NewClusters(cluster.Deps{InCluster: shared})
	defer clusters.Close()
	for b.Loop() {
		c, err := clusters.For(b.Context(), argo.ApplicationDestination{Name: "in-cluster"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Live(b.Context(), "shop", want, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func kindsOfAnApplication() []object.ID {
	var ids []object.ID
	for group, kinds := range map[string][]string{"": {"ConfigMap", "Service", "Secret", "ServiceAccount", "Namespace"}, "apps": {"Deployment", "StatefulSet"},
		"batch": {"Job", "CronJob"}, "networking.k8s.io": {"Ingress"}, "autoscaling": {"HorizontalPodAutoscaler"}} {
		for _, k := range kinds {
			ids = append(ids, object.ID{Group: group, Kind: k, Namespace: "default", Name: "bench"})
		}
	}
	return ids
}

// One object of an application that is as it should be, against the server's schema.
func BenchmarkDrift(b *testing.B) {
	w := &world{namespace: "default"}
	clusters := cluster.NewClusters(cluster.Deps{InCluster: shared})
	defer clusters.Close()
	c, err := clusters.For(b.Context(), argo.ApplicationDestination{Name: "in-cluster"})
	if err != nil {
		b.Fatal(err)
	}
	desired := w.parse(web)
	desired.SetName("bench")
	applied, err := c.Apply(b.Context(), desired, cluster.ApplyOptions{})
	if err != nil {
		b.Fatal(err)
	}
	id := object.IDOf(desired)
	defer func() {
		if err := c.Delete(b.Context(), id, cluster.DeleteOptions{}); err != nil {
			b.Log(err)
		}
	}()
	if _, err := c.Live(b.Context(), "shop", []object.ID{id}, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if s, err := compare.Drift(id, desired, applied.Object, compare.Options{Schema: c.Schema()}); err != nil || s.Status != compare.Synced {
			b.Fatal(err, s)
		}
	}
}
