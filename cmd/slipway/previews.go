package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/bot"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// addresses asks what pull requests' environments have outside. Every dial passes the gate; nothing of ours is shown to anybody.
type addresses struct {
	client *http.Client
	image  func(ctx context.Context, reference string) (bool, error)
}

var _ bot.Addresses = addresses{}

func outsideOf(o *serveOptions, sources *source.Sources) (bot.Addresses, error) {
	out, pool, err := o.outside()
	if err != nil {
		return nil, err
	}
	return addresses{client: out.client(pool), image: func(ctx context.Context, reference string) (bool, error) {
		return sources.Image(ctx, reference, "")
	}}, nil
}

// Answers implements bot.Addresses. Where the gate lets nobody look, the address is believed.
func (a addresses) Answers(ctx context.Context, url string, strict bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", url, err)
	}
	req.Header.Set("User-Agent", "slipway-preview-probe")
	resp, err := a.client.Do(req)
	if errors.Is(err, errNotAllowed) {
		return nil
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusNotFound || strict && resp.StatusCode >= 400 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// HasImage implements bot.Addresses.
func (a addresses) HasImage(ctx context.Context, image string) (bool, error) {
	return a.image(ctx, image)
}

// namespaces says how a destination's namespace is, by its cluster.
func namespaces(clusters *cluster.Clusters) func(ctx context.Context, d argo.ApplicationDestination) (bot.Namespace, error) {
	return func(ctx context.Context, d argo.ApplicationDestination) (bot.Namespace, error) {
		c, err := clusters.For(ctx, d)
		if err != nil {
			return bot.Namespace{}, err
		}
		ns, err := c.Get(ctx, object.ID{Kind: "Namespace", Name: d.Namespace})
		switch {
		case apierrors.IsNotFound(err):
			return bot.Namespace{}, nil
		case err != nil:
			return bot.Namespace{}, err
		}
		return bot.Namespace{There: true, Leaving: ns.GetDeletionTimestamp() != nil, Why: holdUp(ns)}, nil
	}
}

// holdUp is what a namespace's conditions say about why it is not gone.
func holdUp(ns *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(ns.Object, "status", "conditions")
	var why []string
	for _, item := range conditions {
		c, ok := item.(map[string]any)
		if message, said := c["message"].(string); ok && said && c["status"] == "True" {
			why = append(why, message)
		}
	}
	return strings.Join(why, "; ")
}
