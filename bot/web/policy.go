package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/slipway-cd/slipway/bot"
	"github.com/slipway-cd/slipway/bot/policy"
)

// policyPage explains what a command has to satisfy in each environment that the pull request touches.
type policyPage struct {
	pullHead
	Absent       string
	Making       bool
	Fault        string
	Environments []explained
}

type explained struct {
	Name    string
	Touched bool
	Rules   []policy.Rule
	Command string
}

// showPolicy shows the rules of the report's base branch: a pull request is judged by no others.
func (w *Web) showPolicy(c echo.Context) error {
	ctx := c.Request().Context()
	p, _, err := w.pull(ctx, me(c), c.Param("name"))
	if err != nil {
		return err
	}
	page := policyPage{pullHead: headOf(p, "policy")}
	f := frame{Title: fmt.Sprintf("Policy of %s #%d", page.Repository, page.Number), Here: "pulls"}
	k, err := w.sheet(ctx, p)
	switch {
	case errors.Is(err, errMaking):
		page.Making, f.Wait = true, 3
	case errors.Is(err, bot.ErrNoReport), errors.Is(err, bot.ErrUntrusted), errors.Is(err, bot.ErrGone):
		page.Absent = absent(err)
	case err != nil:
		return err
	default:
		page.Fault, page.Environments = k.fault, explain(k, commandOf(p.Spec.Forge))
	}
	f.Data = page
	return w.render(c, http.StatusOK, "policy", f)
}

// explain lists the environments of the policy in their order, and those that are touched beside them.
func explain(k kept, command string) []explained {
	touched := map[string]bool{}
	var names []string
	for _, e := range k.policy.Environments {
		names = append(names, e.Name)
	}
	for _, a := range k.sheet.Applications {
		if a.Environment != "" && !touched[a.Environment] {
			touched[a.Environment] = true
			if !slices.Contains(names, a.Environment) {
				names = append(names, a.Environment)
			}
		}
	}
	var out []explained
	for _, name := range names {
		out = append(out, explained{Name: name, Touched: touched[name], Rules: k.policy.Explain(name), Command: command + name})
	}
	return out
}

// commandOf is how a sync is asked for on a forge, without its target.
func commandOf(forge string) string {
	if forge == "gitlab" {
		return "/slipway sync "
	}
	return "/sync "
}
