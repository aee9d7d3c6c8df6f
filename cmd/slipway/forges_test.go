package main

import (
	"context"
	"errors"
	"testing"

	"github.com/slipway-cd/slipway/bot"
	"github.com/slipway-cd/slipway/forge"
)

// listing is a forge that is only asked what it serves.
type listing struct {
	bot.Forge
	repositories []forge.Repository
	err          error
}

func (l listing) Installed(context.Context) ([]forge.Repository, error) { return l.repositories, l.err }

// A forge that is down keeps nobody from the repositories of another, and its own are not taken to be gone.
func TestOneForgeIsDown(t *testing.T) {
	f := &forges{sites: []bot.Site{
		{Host: "down.example.com", Forge: listing{err: errors.New("connection refused")}},
		{Host: "up.example.com", Forge: listing{repositories: []forge.Repository{{Name: "shop", CloneURL: "https://up.example.com/acme/shop.git"}}}},
	}}
	if r, ok, err := f.find(t.Context(), "https://up.example.com/acme/shop"); err != nil || !ok || r.repository.Name != "shop" {
		t.Errorf("found %v %v, %v", r.repository, ok, err)
	}
	if _, ok, err := f.find(t.Context(), "https://down.example.com/acme/shop"); ok || err == nil {
		t.Errorf("a repository of the one that is down: found %v, %v", ok, err)
	}
}
