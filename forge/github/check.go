package github

import (
	"cmp"
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

const (
	// outputLimit of a check's summary and text each. GitHub says characters; bytes are never more of those.
	outputLimit = 65_535
	// annotationsACall is how many GitHub takes at once. Those of later calls are added to the earlier ones.
	annotationsACall = 50
)

// SetCheck implements forge.Checks. The annotations that the check has already are not sent again. Merges wait for checks, so they go before
// comments where GitHub's limits do not leave room for both.
func (f *Forge) SetCheck(ctx context.Context, r forge.Repository, c forge.Check) (int64, error) {
	doing := fmt.Sprintf("setting check %s on %s of %s", c.Name, c.SHA, r.FullName())
	if c.Status == forge.Completed && c.Conclusion == "" {
		return 0, fmt.Errorf("%s: %w: a completed check needs a conclusion", doing, forge.ErrInvalid)
	}
	client, err := f.reach(ctx, r, report)
	if err != nil {
		return 0, refused(doing, err)
	}
	w := checkWriter{client: client, repository: r, app: f.verifier.app, check: c}
	id, err := w.write(wire.Urgent(ctx))
	return id, refused(doing, err)
}

// checkWriter writes one check.
type checkWriter struct {
	client     *github.Client
	repository forge.Repository
	app        int64
	check      forge.Check
}

func (w checkWriter) write(ctx context.Context) (int64, error) {
	if w.check.ID != 0 {
		return w.check.ID, w.update(ctx, w.check.ID)
	}
	created := false
	run, err := wire.Deed[*github.CheckRun]{
		New:  w.check.New,
		Look: w.find,
		Create: func(ctx context.Context) (*github.CheckRun, bool, error) {
			made, _, err := w.client.Checks.CreateCheckRun(ctx, w.repository.Owner, w.repository.Name, w.creation())
			created = err == nil
			return made, lost(err), err
		},
	}.Do(ctx)
	if err != nil {
		return 0, err
	}
	if created {
		return run.GetID(), w.annotate(ctx, run.GetID(), w.remarks(), annotationsACall)
	}
	return run.GetID(), w.update(ctx, run.GetID())
}

// find looks for our check by its key. Checks of that name by other Apps, or with another key, are not it.
func (w checkWriter) find(ctx context.Context) (found *github.CheckRun, ok bool, err error) {
	options := &github.ListCheckRunsOptions{CheckName: &w.check.Name, AppID: &w.app, Filter: github.String("all")}
	err = pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := w.client.Checks.ListCheckRunsForRef(ctx, w.repository.Owner, w.repository.Name, w.check.SHA, options)
		if err != nil {
			return resp, err
		}
		for _, run := range page.CheckRuns {
			ours := run.GetName() == w.check.Name && run.GetExternalID() == w.check.ExternalID && run.GetApp().GetID() == w.app
			if ours && run.GetID() > found.GetID() {
				found = run
			}
		}
		return resp, nil
	})
	return found, found != nil, err
}

func (w checkWriter) creation() github.CreateCheckRunOptions {
	c := w.check
	remarks := w.remarks()
	return github.CreateCheckRunOptions{
		Name: c.Name, HeadSHA: c.SHA, DetailsURL: text(c.DetailsURL), ExternalID: text(c.ExternalID),
		Status: text(string(c.Status)), Conclusion: text(string(c.Conclusion)),
		StartedAt: stamp(c.StartedAt), CompletedAt: w.completed(),
		Output: w.output(remarks[:min(len(remarks), annotationsACall)]), Actions: w.buttons(),
	}
}

// update changes the run, with the annotations that it does not have yet: a check that is concluded has all it will have, so that those beyond a
// call are added before.
func (w checkWriter) update(ctx context.Context, id int64) error {
	c := w.check
	var last []*github.CheckRunAnnotation
	if len(c.Annotations) > 0 {
		missing := w.remarks()
		if !w.check.Bare {
			var err error
			if missing, err = w.missing(ctx, id); err != nil {
				return err
			}
		}
		first := (max(len(missing)-1, 0) / annotationsACall) * annotationsACall
		if err := w.annotate(ctx, id, missing[:first], 0); err != nil {
			return err
		}
		if last = missing[first:]; len(last) > 0 {
			ctx = wire.Unrepeatable(ctx) // it adds
		}
	}
	options := github.UpdateCheckRunOptions{
		Name: c.Name, DetailsURL: text(c.DetailsURL), ExternalID: text(c.ExternalID),
		Status: text(string(c.Status)), Conclusion: text(string(c.Conclusion)), CompletedAt: w.completed(), Output: w.output(last),
		Actions: w.buttons(),
	}
	_, _, err := w.client.Checks.UpdateCheckRun(ctx, w.repository.Owner, w.repository.Name, id, options)
	return err
}

// buttons are as many as GitHub takes, within its bounds.
func (w checkWriter) buttons() []*github.CheckRunAction {
	const most, label, description, identifier = 3, 20, 40, 20
	var all []*github.CheckRunAction
	for _, b := range w.check.Buttons {
		if len(all) == most || b.ID == "" || len(b.ID) > identifier {
			continue
		}
		all = append(all, &github.CheckRunAction{Label: within(b.Label, label), Description: within(b.Description, description), Identifier: b.ID})
	}
	return all
}

// within cuts a text at a number of characters.
func within(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-1]) + "…"
}

// annotate adds the remarks from the given one on, a call for each batch. A call whose answer is lost is not repeated at once, because it adds.
func (w checkWriter) annotate(ctx context.Context, id int64, remarks []*github.CheckRunAnnotation, from int) error {
	for ; from < len(remarks); from += annotationsACall {
		batch := remarks[from:min(from+annotationsACall, len(remarks))]
		options := github.UpdateCheckRunOptions{Name: w.check.Name, Output: w.output(batch)}
		if _, _, err := w.client.Checks.UpdateCheckRun(wire.Unrepeatable(ctx), w.repository.Owner, w.repository.Name, id, options); err != nil {
			return err
		}
	}
	return nil
}

type remark struct {
	path, level, title, message string
	line                        int
}

func remarkOf(a *github.CheckRunAnnotation) remark {
	return remark{a.GetPath(), a.GetAnnotationLevel(), a.GetTitle(), a.GetMessage(), a.GetStartLine()}
}

// missing are the remarks that the run does not have yet.
func (w checkWriter) missing(ctx context.Context, id int64) ([]*github.CheckRunAnnotation, error) {
	have := map[remark]bool{}
	var options github.ListOptions
	err := pages(&options, func() (*github.Response, error) {
		page, resp, err := w.client.Checks.ListCheckRunAnnotations(ctx, w.repository.Owner, w.repository.Name, id, &options)
		for _, a := range page {
			have[remarkOf(a)] = true
		}
		return resp, err
	})
	if err != nil {
		return nil, err
	}
	var missing []*github.CheckRunAnnotation
	for _, a := range w.remarks() {
		if !have[remarkOf(a)] {
			missing = append(missing, a)
		}
	}
	return missing, nil
}

// remarks are the check's annotations in GitHub's form and limits. One without a file has no place on GitHub; the summary says it.
func (w checkWriter) remarks() []*github.CheckRunAnnotation {
	var all []*github.CheckRunAnnotation
	for _, a := range w.check.Annotations {
		if a.Path == "" {
			continue
		}
		line := max(a.Line, 1)
		all = append(all, &github.CheckRunAnnotation{
			Path: github.String(a.Path), StartLine: &line, EndLine: &line,
			AnnotationLevel: github.String(cmp.Or(a.Level, "warning")),
			Title:           text(short(a.Title, 255)), Message: github.String(Cut(cmp.Or(a.Message, a.Title, "see the summary"), 64_000)),
		})
	}
	return all
}

// output has a title and a summary whenever it is there: GitHub requires both.
func (w checkWriter) output(remarks []*github.CheckRunAnnotation) *github.CheckRunOutput {
	c := w.check
	if c.Title == "" && c.Summary == "" && c.Text == "" && len(remarks) == 0 {
		return nil
	}
	title := cmp.Or(c.Title, c.Name)
	return &github.CheckRunOutput{
		Title: github.String(short(title, 255)), Summary: github.String(Cut(cmp.Or(c.Summary, title), outputLimit)),
		Text: text(Cut(c.Text, outputLimit)), Annotations: remarks,
	}
}

func (w checkWriter) completed() *github.Timestamp {
	if w.check.Status != forge.Completed {
		return nil
	}
	if w.check.CompletedAt.IsZero() {
		return stamp(time.Now())
	}
	return stamp(w.check.CompletedAt)
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func stamp(t time.Time) *github.Timestamp {
	if t.IsZero() {
		return nil
	}
	return &github.Timestamp{Time: t.UTC().Truncate(time.Second)}
}

// short cuts s to limit characters, with an ellipsis for the last of them.
func short(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
