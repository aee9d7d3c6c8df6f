package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// The identifiers of the check's buttons. A button is a command that is given by pressing: the same gates stand before it.
const (
	buttonDiff    = "diff"
	buttonPreview = "preview"
	buttonSync    = "sync:" // with the environment's name, or its hash where that is too long
	longestButton = 20      // GitHub's bound
)

// buttons are those of the check of an open pull request: a sync to the first environment that may have it before the merge, another look,
// and a preview.
func (v *visit) buttons(next []report.Environment) []forge.Button {
	var all []forge.Button
	for _, e := range next {
		if e.BeforeMerge && e.Locked == "" {
			all = append(all, forge.Button{ID: syncButton(e.Name), Label: "Sync to " + e.Name, Description: "As " + prefix(v.res.Spec.Forge) + "sync " + e.Name})
			break
		}
	}
	all = append(all, forge.Button{ID: buttonDiff, Label: "Re-check", Description: "Makes the report again"})
	if v.Previews {
		all = append(all, forge.Button{ID: buttonPreview, Label: "Preview", Description: "An environment of its own"})
	}
	return all
}

func syncButton(environment string) string {
	if id := buttonSync + environment; len(id) <= longestButton {
		return id
	}
	sum := sha256.Sum256([]byte(environment))
	return buttonSync + "#" + hex.EncodeToString(sum[:])[:longestButton-len(buttonSync)-1]
}

// press records the buttons that were pressed as commands, once each: the mark moves in the same write. One on a check that says nothing
// about what is there now only has the report made again.
func (v *visit) press(ctx context.Context) error {
	v.hearClicks()
	return v.save(ctx)
}

// hearClicks is press without the write.
func (v *visit) hearClicks() {
	s := &v.res.Status
	for _, c := range v.res.Spec.Clicks {
		if !c.At.After(s.ClicksBefore.Time) {
			continue
		}
		s.ClicksBefore = c.At
		sum := sha256.Sum256([]byte(c.Delivery))
		key := v.res.Name + "-click-" + hex.EncodeToString(sum[:])[:16]
		if slices.ContainsFunc(s.Commands, func(have slipway.Command) bool { return have.OperationID == key }) {
			continue // delivered again, after the spec had forgotten it
		}
		line := v.meaning(c.Button)
		if line == "" || c.User == "" || s.Waiting() >= mostPending {
			v.log.Warn("a button was pressed that means nothing here", "button", clip(c.Button, 40), "by", c.User)
			continue
		}
		// What names a delivery is not part of what the forge signs: whoever has an old one could have it heard as a new one. It then does no more
		// than its sender could do now by pressing again, and where there are no buttons any more, nothing.
		if v.pull.State != forge.Open {
			v.log.Warn("a button was pressed of a pull request that is not open", "button", clip(c.Button, 40), "by", c.User)
			continue
		}
		if c.Head != v.pull.Head.SHA {
			line = "/" + string(command.Diff)
		}
		s.Commands = append(s.Commands, slipway.Command{
			Text: line, Author: c.User, AuthorID: c.UserID, Phase: slipway.CommandPending, CreatedAt: c.At,
			OperationID: key,
		})
		v.log.Info("a button was pressed", "button", c.Button, "by", c.User, "head", c.Head)
		v.Record(v.res, "ButtonPressed", fmt.Sprintf("%s by %s", line, c.User))
	}
}

// meaning is the command that a button stands for; empty where it stands for none.
func (v *visit) meaning(button string) string {
	switch button {
	case buttonDiff:
		return "/" + string(command.Diff)
	case buttonPreview:
		return "/" + string(command.Preview)
	}
	r := v.res.Status.Report
	if r == nil {
		return ""
	}
	at := slices.IndexFunc(r.Applications, func(a slipway.ReportedApplication) bool {
		return a.Environment != "" && syncButton(a.Environment) == button
	})
	if at < 0 {
		return ""
	}
	return "/" + string(command.Sync) + " " + r.Applications[at].Environment
}
