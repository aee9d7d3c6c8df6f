package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// commandsPage are the commands of a pull request and how far they have come.
type commandsPage struct {
	pullHead
	Commands []shownCommand
	Followed []slipway.FollowedApplication
	Live     bool
	Running  bool
}

type shownCommand struct {
	Text, Author, Phase, Message string
	Created                      time.Time
	Took                         time.Duration
	Comment, Reply               string // their addresses
	Applications                 []shownOperation
}

// shownOperation is what a command asked of one application, wave by wave.
type shownOperation struct {
	Namespace, Name string
	Page            string
	// Known is whether the application's last operation is still this command's.
	Known          bool
	Phase, Message string
	Revision       string
	Waves          []wave
}

// wave is a phase of a sync and a wave in it, with what happened to its objects.
type wave struct {
	Title   string
	Results []result
	phase   int
	number  int64
}

type result struct{ Object, Status, Message, Hook string }

// showCommands shows what was commanded. It asks again for itself while something runs.
func (w *Web) showCommands(c echo.Context) error {
	ctx, s := c.Request().Context(), me(c)
	p, may, err := w.pull(ctx, s, c.Param("name"))
	if err != nil {
		return err
	}
	page := commandsPage{pullHead: headOf(p, "commands"), Followed: p.Status.Applications, Live: may >= live}
	for _, cmd := range slices.Backward(p.Status.Commands) {
		shown, err := w.command(ctx, p, cmd, page.Live)
		if err != nil {
			return err
		}
		page.Running = page.Running || !cmd.Phase.Finished()
		page.Commands = append(page.Commands, shown)
	}
	f := frame{Title: fmt.Sprintf("Commands of %s #%d", page.Repository, page.Number), Here: "pulls", Data: page}
	if isPart(c) {
		return w.renderPart(c, "commands", "progress", f)
	}
	return w.render(c, http.StatusOK, "commands", f)
}

func (w *Web) command(ctx context.Context, p *slipway.PullRequest, cmd slipway.Command, live bool) (shownCommand, error) {
	shown := shownCommand{Text: cmd.Text, Author: cmd.Author, Phase: string(cmd.Phase), Message: unmarked(cmd.Message), Created: cmd.CreatedAt.Time}
	if cmd.StartedAt != nil {
		end := w.Now()
		if cmd.FinishedAt != nil {
			end = cmd.FinishedAt.Time
		}
		shown.Took = max(0, end.Sub(cmd.StartedAt.Time).Round(100*time.Millisecond))
	}
	shown.Comment = commentAddress(p, fmt.Sprint(cmd.ID))
	if cmd.ReplyID != "" {
		shown.Reply = commentAddress(p, cmd.ReplyID)
	}
	for _, name := range cmd.Applications {
		o, err := w.operation(ctx, name, cmd.OperationID, live)
		if err != nil {
			return shown, err
		}
		shown.Applications = append(shown.Applications, o)
	}
	return shown, nil
}

// unmarked is what a comment says, without the marks by which its words are quoted there.
func unmarked(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n\n", "\n"), "`", "")
}

func commentAddress(p *slipway.PullRequest, id string) string {
	anchor := "#issuecomment-"
	if p.Spec.Forge == slipway.ForgeGitLab {
		anchor = "#note_"
	}
	return headOf(p, "").Forge + anchor + id
}

// operation is how far one application has come with a command.
func (w *Web) operation(ctx context.Context, name, key string, live bool) (shownOperation, error) {
	namespace, plain, _ := strings.Cut(name, "/")
	o := shownOperation{Namespace: namespace, Name: plain}
	app := &argo.Application{}
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: plain}, app)
	if apierrors.IsNotFound(err) {
		o.Message = "the application is no longer there"
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("reading application %s: %w", name, err)
	}
	if live {
		o.Page = appAddress(namespace, plain)
	}
	if state := app.Status.OperationState; state != nil && carries(state.Operation, key) {
		o.Known, o.Phase, o.Message = true, string(state.Phase), state.Message
		if state.SyncResult != nil {
			o.Revision = cmp.Or(state.SyncResult.Revision, strings.Join(state.SyncResult.Revisions, ", "))
			o.Waves = waves(app, state.SyncResult.Resources)
		}
	}
	return o, nil
}

// carries says whether an operation is one that a command asked for.
func carries(o argo.Operation, key string) bool {
	return key != "" && slices.ContainsFunc(o.Info, func(i argo.Info) bool { return i.Name == "slipway.dev/command" && i.Value == key })
}

// phases in the order of a sync.
var phases = []string{"PreSync", "Sync", "PostSync", "SyncFail"}

// waves groups results by phase and wave, in the order in which they are done.
func waves(app *argo.Application, results argo.ResourceResults) []wave {
	numbers := map[string]int64{}
	for _, r := range app.Status.Resources {
		numbers[strings.Join([]string{r.Group, r.Kind, r.Namespace, r.Name}, "/")] = r.SyncWave
	}
	var all []wave
	for _, r := range results {
		phase, number := slices.Index(phases, string(r.SyncPhase)), numbers[strings.Join([]string{r.Group, r.Kind, r.Namespace, r.Name}, "/")]
		i := slices.IndexFunc(all, func(w wave) bool { return w.phase == phase && w.number == number })
		if i < 0 {
			title := cmp.Or(string(r.SyncPhase), "Sync")
			if number != 0 {
				title += fmt.Sprintf(", wave %d", number)
			}
			all, i = append(all, wave{Title: title, phase: phase, number: number}), len(all)
		}
		object := r.Kind + " " + r.Name
		if r.Namespace != "" {
			object = r.Kind + " " + r.Namespace + "/" + r.Name
		}
		all[i].Results = append(all[i].Results, result{Object: object, Status: cmp.Or(string(r.Status), string(r.HookPhase)),
			Message: r.Message, Hook: string(r.HookType)})
	}
	slices.SortStableFunc(all, func(a, b wave) int { return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.number, b.number)) })
	return all
}
