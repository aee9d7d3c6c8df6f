package bot

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// The commands of the check's buttons. A button is a command that is given by pressing: the same gates stand before it.
const (
	pressDiff    = "/" + string(command.Diff)
	pressPreview = "/" + string(command.Preview)
	pressSync    = "/" + string(command.Sync) + " " // with the environment's name
)

// buttons are those of the check of an open pull request: a sync to the first environment that may have it before the merge, another look,
// and a preview. What they are is part of the status, which is to be saved before they are shown.
func (v *visit) buttons(next []report.Environment) []forge.Button {
	var commands []string
	for _, e := range next {
		if e.BeforeMerge && e.Locked == "" {
			commands = append(commands, pressSync+e.Name)
			break
		}
	}
	commands = append(commands, pressDiff)
	if v.Previews {
		commands = append(commands, pressPreview)
	}
	s := &v.res.Status
	var offered []slipway.OfferedButton
	for _, line := range commands {
		if at := slices.IndexFunc(s.Buttons, func(b slipway.OfferedButton) bool { return b.Command == line }); at >= 0 {
			offered = append(offered, s.Buttons[at])
		} else {
			offered = append(offered, newButton(line))
		}
	}
	s.Buttons = offered
	return v.offered()
}

// offered are the buttons of the status, as the forge takes them.
func (v *visit) offered() []forge.Button {
	var all []forge.Button
	for _, b := range v.res.Status.Buttons {
		switch environment, sync := strings.CutPrefix(b.Command, pressSync); {
		case sync:
			all = append(all, forge.Button{ID: b.ID, Label: "Sync to " + environment, Description: "As " + prefix(v.res.Spec.Forge) + "sync " + environment})
		case b.Command == pressPreview:
			all = append(all, forge.Button{ID: b.ID, Label: "Preview", Description: "An environment of its own"})
		default:
			all = append(all, forge.Button{ID: b.ID, Label: "Re-check", Description: "Makes the report again"})
		}
	}
	return all
}

// newButton has an id that no button had before. GitHub takes 20 characters: the verb, for people, and 50 random bits.
func newButton(line string) slipway.OfferedButton {
	verb, _, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	return slipway.OfferedButton{ID: verb + "." + strings.ToLower(rand.Text()[:10]), Command: line}
}

// shown notes that the check has these buttons.
func (v *visit) shown(buttons []forge.Button) {
	for i := range v.res.Status.Buttons {
		b := &v.res.Status.Buttons[i]
		b.Shown = b.Shown || slices.ContainsFunc(buttons, func(s forge.Button) bool { return s.ID == b.ID })
	}
}

// reoffer gives the check the buttons that took the place of those which were pressed, where no new report did. Killed before it is saved, the
// next look does the same again.
func (v *visit) reoffer(ctx context.Context) error {
	s := &v.res.Status
	there := s.CheckRunID != "" && s.CheckHead == v.pull.Head.SHA && s.CheckState != "" && s.CheckState != slipway.CheckPending
	if v.pull.State != forge.Open || !there || !slices.ContainsFunc(s.Buttons, func(b slipway.OfferedButton) bool { return !b.Shown }) {
		return nil
	}
	buttons := v.offered()
	_, err := v.forge.SetCheck(ctx, v.repo, forge.Check{ID: number(s.CheckRunID), SHA: s.CheckHead, Name: report.CheckName,
		ExternalID: v.res.Name + "/" + s.CheckHead, DetailsURL: v.address(v.res), Buttons: buttons})
	if err != nil {
		return fmt.Errorf("showing the check's buttons: %w", err)
	}
	v.shown(buttons)
	return nil
}

// press records the buttons that were pressed as commands, once each: the mark moves in the same write. One on a check that says nothing
// about what is there now only has the report made again.
func (v *visit) press(ctx context.Context) error {
	v.hearClicks()
	return v.save(ctx)
}

// hearClicks is press without the write. What names a delivery is not part of what the forge signs, so that whoever has an old one could have
// it heard again: a button is heard once, and has another id then.
func (v *visit) hearClicks() {
	s := &v.res.Status
	for _, c := range v.res.Spec.Clicks {
		if !c.At.After(s.ClicksBefore.Time) {
			continue
		}
		s.ClicksBefore = c.At
		log := v.log.With("button", clip(c.Button, 40), "by", c.User, "head", c.Head)
		at := slices.IndexFunc(s.Buttons, func(b slipway.OfferedButton) bool { return b.ID == c.Button })
		switch {
		case v.pull.State != forge.Open:
			log.Warn("a button was pressed of a pull request that is not open")
			continue
		case at < 0:
			log.Warn("a button was pressed that is not offered, or no longer")
			v.force = v.force || len(s.Buttons) == 0 // the check is from before buttons were noted
			continue
		case c.User == "" || s.Waiting() >= mostPending:
			log.Warn("a button was pressed by nobody known, or while too many commands wait")
			continue
		}
		line := s.Buttons[at].Command
		s.Buttons[at] = newButton(line)
		if c.Head != v.pull.Head.SHA { // it is of a check that says nothing about what is there now
			line = pressDiff
		}
		_, once, _ := strings.Cut(c.Button, ".")
		s.Commands = append(s.Commands, slipway.Command{
			Text: line, Author: c.User, AuthorID: c.UserID, Phase: slipway.CommandPending, CreatedAt: c.At,
			OperationID: v.res.Name + "-click-" + once,
		})
		log.Info("a button was pressed", "command", line)
		v.Record(v.res, "ButtonPressed", fmt.Sprintf("%s by %s", line, c.User))
	}
}
