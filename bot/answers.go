package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// status carries out a /status: how the applications of this pull request are.
func (v *visit) status(ctx context.Context, o order) error {
	if d := v.decide(o, nil); !d.Allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	}
	if why := v.unrendered(v.res.Status.CurrentReport()); why != "" {
		return v.refuse(ctx, o, why, nil)
	}
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	all, err := v.reachable(ctx, v.res.Status.CurrentReport(), g.policy)
	if err != nil {
		return err
	}
	if len(o.cmd.Targets) > 0 {
		picked, refusal := choose(all, o.cmd.Targets)
		if refusal != "" {
			return v.refuse(ctx, o, quote(refusal), nil)
		}
		all = picked
	}
	locks, err := v.locks(ctx)
	if err != nil {
		return err
	}
	if err := v.reply(ctx, o.Command, v.statusText(ctx, all, locks)); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// mostShown applications of one answer.
const mostShown = 100

func (v *visit) statusText(ctx context.Context, all []reach, locks []slipway.Lock) string {
	if len(all) == 0 {
		return "### Status\n\nThis pull request changes no application that is in a cluster.\n"
	}
	var b, why strings.Builder
	b.WriteString("### Status\n\n| Application | Environment | Cluster | Sync | Health | Revision | Operation |\n|---|---|---|---|---|---|---|\n")
	for _, r := range all[:min(len(all), mostShown)] {
		s := r.app.Status
		operation := ""
		if s.OperationState != nil {
			operation = string(s.OperationState.Phase)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", cell(r.app.Name), cell(r.environment), cell(r.app.Spec.Destination.String()),
			cell(string(s.Sync.Status)), cell(string(s.Health.Status)), cell(shortRevisions(s)), cell(operation))
		why.WriteString(v.troubles(r.app))
		if s.Health.Status == argo.HealthStatusHealthy {
			continue
		}
		for _, finding := range v.diagnose(ctx, r.app) {
			fmt.Fprintf(&why, "- %s: %s\n", quote(r.app.Name), quote(clip(finding, 400)))
		}
	}
	if more := len(all) - mostShown; more > 0 {
		fmt.Fprintf(&b, "\nand %d more.\n", more)
	}
	if why.Len() > 0 {
		b.WriteString("\n**What is wrong**\n" + why.String())
	}
	for _, r := range all[:min(len(all), mostShown)] {
		if h, held := slipway.HoldOf(r.app.Annotations); held {
			fmt.Fprintf(&b, "\n⏸️ %s is %s; %s lets it follow its branch again.\n", quote(r.app.Name), quote(clip(heldAt(h), 400)),
				quote(prefix(v.res.Spec.Forge)+"rollback app:"+r.app.Name+" --release"))
		}
	}
	for _, l := range locks {
		fmt.Fprintf(&b, "\n🔒 %s is held by this pull request until %s.\n", quote(subject(l)), until(l))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(quote(s), "|", `\|`) }

func shortRevisions(s argo.ApplicationStatus) string {
	var short []string
	for _, r := range nonEmpty(s.Sync.Revision, s.Sync.Revisions) {
		short = append(short, r[:min(len(r), 10)])
	}
	return strings.Join(short, " ")
}

// help carries out a /help: the commands, and what the environments ask for.
func (v *visit) help(ctx context.Context, o order) error {
	if d := v.decide(o, nil); !d.Allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	}
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	if err := v.reply(ctx, o.Command, helpText(prefix(v.res.Spec.Forge), g.policy, v.Previews)); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

func helpText(begin string, p policy.Policy, previews bool) string {
	var b strings.Builder
	b.WriteString("### Commands\n\nA command begins a line. ENV is an environment; the other forms name one application, or those of a cluster.\n\n")
	for _, u := range command.Known() {
		if u.Verb == command.Preview && !previews {
			continue
		}
		fmt.Fprintf(&b, "- %s: %s\n", quote(begin+strings.TrimPrefix(u.Syntax, "/")), u.Summary)
	}
	if len(p.Environments) == 0 {
		return b.String() + "\nThe base branch has no " + quote(policy.File) + ": whoever may write may sync, after the merge.\n"
	}
	b.WriteString("\n### Environments\n\n")
	for _, e := range p.Environments {
		fmt.Fprintf(&b, "- %s\n", quote(e.Name))
		for _, r := range p.Explain(e.Name) {
			fmt.Fprintf(&b, "  - %s: %s\n", r.Name, quote(r.Text))
		}
	}
	return b.String()
}

// heldAt says who holds an application at what, and why.
func heldAt(h slipway.Hold) string {
	text := "held at " + shortList(h.Revisions)
	if h.By != "" {
		text += " by " + h.By
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}

// troubles are what an application's status complains of: an operation that did not succeed, and conditions. What holds it is told elsewhere.
func (v *visit) troubles(app *argo.Application) string {
	const most = 8
	var lines []string
	if o := app.Status.OperationState; o != nil && (o.Phase == argo.OperationFailed || o.Phase == argo.OperationError) {
		lines = append(lines, "operation "+string(o.Phase)+": "+o.Message)
	}
	for _, c := range app.Status.Conditions {
		if c.Type != "LockedWarning" && c.Type != "HeldWarning" {
			lines = append(lines, c.Type+": "+c.Message)
		}
	}
	var b strings.Builder
	for _, line := range lines[:min(len(lines), most)] {
		fmt.Fprintf(&b, "- %s: %s\n", quote(app.Name), quote(clip(line, 400)))
	}
	return b.String()
}
