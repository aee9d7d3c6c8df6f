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

// policyPage explains what a command has to satisfy in each environment that the pull request touches, and what of it is so now.
type policyPage struct {
	pullHead
	Absent       string
	Making       bool
	Fault        string
	Now          told
	Environments []explained
}

type explained struct {
	Name    string // "" is for the applications in no environment
	Touched bool
	Rules   []policy.Rule
	Command string
	// Now is what the command would meet; nil where that cannot be told, or where nothing of it is in a cluster.
	Now *bot.Prospect
}

// Closed is how many gates stand in the way.
func (e explained) Closed() int {
	n := 0
	for _, g := range e.Now.Gates {
		if !g.Passed {
			n++
		}
	}
	return n
}

// showPolicy shows the rules of the report's base branch, for a pull request is judged by no others, and how each gate stands for who looks.
func (w *Web) showPolicy(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	p, _, err := w.pull(ctx, s, c.Param("name"))
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
		page.Now = w.tell(ctx, s, p)
		page.Fault, page.Environments = k.fault, explain(k, commandOf(p.Spec.Forge), page.Now.prospects)
	}
	f.Data = page
	return w.render(c, http.StatusOK, "policy", f)
}

// explain lists the environments of the policy in their order, and those that are touched beside them.
func explain(k kept, command string, now []bot.Prospect) []explained {
	touched := map[string]bool{}
	var names []string
	for _, e := range k.policy.Environments {
		names = append(names, e.Name)
	}
	touch := func(name string) {
		if touched[name] = true; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, a := range k.sheet.Applications {
		if a.Environment != "" {
			touch(a.Environment)
		}
	}
	for _, p := range now { // as the cluster has them now, which may be others
		touch(p.Environment)
	}
	var out []explained
	for _, name := range names {
		e := explained{Name: name, Touched: touched[name], Rules: k.policy.Explain(name), Command: command + name}
		if i := slices.IndexFunc(now, func(p bot.Prospect) bool { return p.Environment == name }); i >= 0 {
			e.Now, e.Command = &now[i], now[i].Command
		}
		out = append(out, e)
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
