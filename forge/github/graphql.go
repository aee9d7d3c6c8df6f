package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// graphql is the address of the GraphQL API: beside the REST API on github.com, at its own place on GitHub Enterprise Server.
func (f *Forge) graphql() string {
	u := *f.api
	u.Path = "/graphql"
	if strings.Contains(f.api.Path, "/api/v3") {
		u.Path = strings.TrimSuffix(f.api.Path, "v3/") + "graphql"
	}
	return u.String()
}

const minimize = `mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { minimizedComment { isMinimized } } }`

// graphqlAnswer is what every answer has. GitHub answers 200 to what it refuses.
type graphqlAnswer struct {
	Errors []struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"errors"`
}

// FoldComment minimises a comment as outdated, which only GraphQL can. Doing it again changes nothing.
func (f *Forge) FoldComment(ctx context.Context, r forge.Repository, number int, id int64) error {
	doing := fmt.Sprintf("minimising comment %d of %s", id, place(r, number))
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return refused(doing, err)
	}
	found, _, err := c.Issues.GetComment(ctx, r.Owner, r.Name, id)
	if err != nil {
		return refused(doing, err)
	}
	req, err := c.NewRequest("POST", f.graphql(), map[string]any{"query": minimize, "variables": map[string]string{"id": found.GetNodeID()}})
	if err != nil {
		return refused(doing, err)
	}
	var answer graphqlAnswer
	if _, err := c.Do(wire.Contentless(wire.Repeatable(ctx)), req, &answer); err != nil {
		return refused(doing, err)
	}
	if err := answer.refusal(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

const lastEdits = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on IssueComment { id lastEditedAt } } }`

// edits is the answer to lastEdits. A comment that is gone is null.
type edits struct {
	Data struct {
		Nodes []*struct {
			ID           string  `json:"id"`
			LastEditedAt *string `json:"lastEditedAt"`
		} `json:"nodes"`
	} `json:"data"`
	graphqlAnswer
}

// EditedComments gives the ids of those comments that were edited, or are gone. Only GraphQL tells that of one which was edited within the
// second in which it was posted: whoever may write may edit anybody's.
func (f *Forge) EditedComments(ctx context.Context, r forge.Repository, comments []forge.Comment) ([]int64, error) {
	doing := "reading whether comments of " + r.FullName() + " were edited"
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return nil, refused(doing, err)
	}
	var edited []int64
	const atOnce = 100
	for some := range slices.Chunk(comments, atOnce) {
		var ids []string
		for _, one := range some {
			ids = append(ids, one.Node)
		}
		req, err := c.NewRequest("POST", f.graphql(), map[string]any{"query": lastEdits, "variables": map[string]any{"ids": ids}})
		if err != nil {
			return nil, refused(doing, err)
		}
		var answer edits
		if _, err := c.Do(wire.Contentless(wire.Repeatable(ctx)), req, &answer); err != nil {
			return nil, refused(doing, err)
		}
		if err := answer.refusal(); err != nil && answer.Data.Nodes == nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		untouched := map[string]bool{}
		for _, n := range answer.Data.Nodes {
			if n != nil && n.LastEditedAt == nil {
				untouched[n.ID] = true
			}
		}
		for _, one := range some {
			if !untouched[one.Node] {
				edited = append(edited, one.ID)
			}
		}
	}
	return edited, nil
}

// refusal is the first error of an answer, in the forge's vocabulary.
func (a graphqlAnswer) refusal() error {
	if len(a.Errors) == 0 {
		return nil
	}
	first := a.Errors[0]
	said := errors.New(first.Message)
	switch first.Type {
	case "NOT_FOUND":
		return fmt.Errorf("%w: %w", forge.ErrNotFound, said)
	case "FORBIDDEN", "INSUFFICIENT_SCOPES":
		return fmt.Errorf("%w: %w", forge.ErrForbidden, said)
	case "RATE_LIMITED":
		return &forge.RateLimited{Err: said}
	}
	return fmt.Errorf("%w: %w", forge.ErrInvalid, said)
}
