package github

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// Teams gives those of the named teams ("org/team", the team by its slug) that a user is an active member of. Only teams of the
// repository's owner are looked up: another organisation's word is not this one's. forge.ErrForbidden when the App may not read members.
func (f *Forge) Teams(ctx context.Context, r forge.Repository, u forge.User, named []string) ([]string, error) {
	c, err := f.reach(ctx, r, teams)
	if err != nil {
		return nil, refused("reading the teams of "+u.Login, err)
	}
	var in []string
	for _, team := range named {
		org, slug, ok := strings.Cut(team, "/")
		if !ok || !strings.EqualFold(org, r.Owner) {
			continue
		}
		m, _, err := c.Teams.GetTeamMembershipBySlug(ctx, org, slug, u.Login)
		if err = refused(fmt.Sprintf("reading whether %s is in %s", u.Login, team), err); errors.Is(err, forge.ErrNotFound) {
			continue // no such team, or not in it
		}
		if err != nil {
			return nil, err
		}
		if m.GetState() == "active" {
			in = append(in, team)
		}
	}
	return in, nil
}
