package bot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// mostRestored files are listed one by one in an answer.
const mostRestored = 200

// restoring makes the commit that brings back what applications are rendered from to what it was at a revision: each file that their renders
// read now, or read then. The last result but the error says why there is none, or is empty.
func (v *visit) restoring(ctx context.Context, b backward) (u undo, refusal string, err error) {
	from, refusal, err := v.past(ctx, b)
	if err != nil || refusal != "" {
		return u, refusal, err
	}
	then, err := b.ground.mirror.Pulls().Tree(ctx, from)
	if err != nil {
		return u, "", fmt.Errorf("opening %s: %w", from, err)
	}
	read := reading{files: map[string]bool{}}
	for _, r := range b.picked {
		if fault, err := v.reads(ctx, r.app, then, read); err != nil {
			return u, "", err
		} else if fault != nil {
			return u, quote(r.app.Name) + " could not be rendered at " + quote(short(string(from))) + ": " + quote(clip(fault.Error(), 500)), nil
		}
		if err := v.readsNow(ctx, r.app, b.ground, &read); err != nil {
			return u, "", err
		}
	}
	files, err := v.restored(ctx, b.ground, from, read)
	if err != nil {
		return u, "", err
	}
	if len(files) == 0 {
		return u, "There is nothing to bring back: all that " + namesOf(b.picked) + " is rendered from is on " + quote(v.pull.Base.Name) + " as it was at " + quote(short(string(from))) + ".", nil
	}
	return v.restoration(ctx, b, from, files)
}

// restoration is the pull request that brings files back.
func (v *visit) restoration(ctx context.Context, b backward, from git.Hash, files []string) (u undo, refusal string, err error) {
	var names []string
	for _, r := range b.picked {
		names = append(names, r.app.Name)
	}
	what := fmt.Sprintf("%s to %s", clip(strings.Join(names, ", "), 150), short(string(from)))
	u = undo{branch: fmt.Sprintf(ownBranches+"restore-%d-%d", v.pull.Number, b.ID), title: "Roll back " + what,
		does: "brings " + namesOf(b.picked) + " back to " + quote(short(string(from))), steps: restoreSteps(from, "Roll back "+what, files)}
	u.body = fmt.Sprintf("Brings %s back to %s, as %s asked with %s on #%d.\n", namesOf(b.picked), quote(string(from)), quote(b.user.Login),
		quote(clip(b.Text, 200)), v.pull.Number) + reasonText(b.order)
	if u.caution, err = v.sharing(ctx, b, files); err != nil {
		return u, "", err
	}
	u.caution += "\n" + fileList(files)
	u.result, err = b.ground.mirror.Pulls().Restore(ctx, git.Restoration{Tip: b.ground.base.Commit(), From: from, Paths: files, At: b.CreatedAt.Time,
		Message: fmt.Sprintf("Roll back %s\n\n%s asked for this with %s on pull request %d.\n", what, b.user.Login, clip(b.Text, 200), v.pull.Number) + askedBy(b.user)})
	if err != nil {
		return u, "", fmt.Errorf("going back to %s: %w", from, err)
	}
	return u, "", nil
}

// past finds the commit that a command wants to go back to: by the histories of the applications, else by what the repository calls so. It must be
// a commit that the base branch once was at, or came by.
func (v *visit) past(ctx context.Context, b backward) (from git.Hash, refusal string, err error) {
	var commits []git.Hash
	for _, r := range b.picked {
		at := slices.IndexFunc(r.app.Spec.SourceList(), v.follows)
		if at < 0 {
			return "", quote(r.app.Name) + " does not follow " + quote(v.pull.Base.Name) + ": a pull request into it takes nothing back there. " +
				quote("--now") + " does.", nil
		}
		commit := deployedAs(r.app, b.cmd.To, at)
		if commit == "" {
			commit, err = b.ground.mirror.Repository().Resolve(ctx, b.cmd.To)
		}
		if errors.Is(err, git.ErrUnknownRevision) {
			return "", quote(r.app.Name) + " has no " + quote(b.cmd.To) + " in its history, which goes back to " +
				quote(clip(pastOf(r.app.Status.History), 500)) + ", and the repository has no commit, tag or branch of that name.", nil
		}
		if err != nil {
			return "", "", fmt.Errorf("finding %s: %w", b.cmd.To, err)
		}
		if !slices.Contains(commits, commit) {
			commits = append(commits, commit)
		}
	}
	if len(commits) > 1 {
		return "", quote(b.cmd.To) + " is another commit in the history of each: name one application, or a commit.", nil
	}
	if !b.ground.mirror.Repository().Has(ctx, commits[0]) {
		return "", quote(b.cmd.To) + " was deployed before its merge, and is no commit of " + quote(v.pull.Base.Name) + ". " + quote("--now") + " goes back to it.", nil
	}
	within, err := b.ground.mirror.Repository().Contains(ctx, commits[0], b.ground.base.Commit())
	if err != nil {
		return "", "", fmt.Errorf("looking for %s in the base branch: %w", commits[0], err)
	}
	if !within {
		return "", quote(b.cmd.To) + " is " + quote(short(string(commits[0]))) + ", which " + quote(v.pull.Base.Name) + " does not contain: there is no way back to it.", nil
	}
	return commits[0], "", nil
}

// deployedAs is the commit of a source in the entry of an application's history that is meant; empty where there is none.
func deployedAs(app *argo.Application, to string, source int) git.Hash {
	for i := len(app.Status.History) - 1; i >= 0; i-- {
		e := &app.Status.History[i]
		if revisions := e.RevisionList(); entryNamed(e, to) && source < len(revisions) && git.Hash(revisions[source]).IsFull() {
			return git.Hash(revisions[source])
		}
	}
	return ""
}

// reading is what renders read of the repository: files, and folders of which it cannot be told file by file.
type reading struct {
	files   map[string]bool
	folders []string
}

func (r reading) has(file string) bool {
	return r.files[file] || slices.ContainsFunc(r.folders, func(f string) bool { return f == "." || strings.HasPrefix(file, f+"/") })
}

// reads renders an application from a tree of the base branch, and adds what that read.
func (v *visit) reads(ctx context.Context, app *argo.Application, tree *git.Tree, into reading) (*object.Fault, error) {
	t, err := v.Pipeline.Target(ctx, change.TargetRequest{
		App: app, Trusted: true, Seed: v.Seed,
		Own: func(repoURL, revision string) *git.Tree {
			if v.follows(argo.ApplicationSource{RepoURL: repoURL, TargetRevision: revision}) {
				return tree
			}
			return nil
		},
		Tree: func(_ int, s argo.ApplicationSource) *git.Tree {
			if v.follows(s) {
				return tree
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("rendering %s/%s at %s: %w", app.Namespace, app.Name, tree.Commit(), err)
	}
	for _, source := range t.Trace {
		for _, e := range source.Trace {
			if slices.Contains([]git.Op{git.Read, git.Link, git.Sub, git.Large}, e.Op) && v.same(source.RepoURL) {
				into.files[e.Path] = true
			}
		}
	}
	return t.Fault, nil
}

// readsNow adds what rendering an application from the base branch reads. Where that fails, nobody knows what it would have read after the fault,
// and its folders count as a whole.
func (v *visit) readsNow(ctx context.Context, app *argo.Application, g *ground, into *reading) error {
	fault, err := v.reads(ctx, app, g.base, *into)
	if fault != nil {
		into.folders = append(into.folders, v.foldersOf(app)...)
	}
	return err
}

// foldersOf are the folders of this repository that an application is rendered from.
func (v *visit) foldersOf(app *argo.Application) []string {
	var all []string
	for _, s := range app.Spec.SourceList() {
		if v.follows(s) {
			all = append(all, path.Clean(strings.Trim(s.Path, "/")))
		}
	}
	return all
}

// restored are the files among those read that differ between a revision and the base branch.
func (v *visit) restored(ctx context.Context, g *ground, from git.Hash, read reading) ([]string, error) {
	changes, err := g.mirror.Pulls().Changed(ctx, from, g.base.Commit())
	if err != nil {
		return nil, fmt.Errorf("comparing the base branch with %s: %w", from, err)
	}
	var files []string
	for _, c := range changes {
		for _, file := range []string{c.Old, c.Path} {
			if file != "" && read.has(file) && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// sharing names the other applications of the pull request that are rendered from some of the files, too.
func (v *visit) sharing(ctx context.Context, b backward, files []string) (string, error) {
	var others []reach
	for _, r := range b.beside() {
		read := reading{files: map[string]bool{}}
		if err := v.readsNow(ctx, r.app, b.ground, &read); err != nil {
			return "", err
		}
		if slices.ContainsFunc(files, read.has) {
			others = append(others, r)
		}
	}
	if len(others) == 0 {
		return "", nil
	}
	return "\nSome of the files are read by " + namesOf(others) + " as well, which go back with them: its report shows how.\n", nil
}

// restoreSteps are the commands that bring files back by hand, those that are not there included.
func restoreSteps(from git.Hash, message string, files []string) []string {
	step := "git restore --source=" + string(from) + " --staged --worktree --"
	for _, f := range files[:min(len(files), mostRestored)] {
		step += " \\\n  " + shellWord(f)
	}
	if more := len(files) - mostRestored; more > 0 {
		step += fmt.Sprintf("  # and %d more files: name one application to have them all", more)
	}
	return []string{step, "git commit --message " + shellWord(message)}
}

// fileList is a list of files, folded away.
func fileList(files []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>Files: %d</summary>\n\n", len(files))
	for _, f := range files[:min(len(files), mostRestored)] {
		b.WriteString("- " + quote(f) + "\n")
	}
	if more := len(files) - mostRestored; more > 0 {
		fmt.Fprintf(&b, "\nand %d more.\n", more)
	}
	return b.String() + "\n</details>\n"
}

// plainWord is what a shell reads as it stands.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

// shellWord quotes a word for a shell.
func shellWord(s string) string {
	if plainWord.MatchString(s) && !strings.HasPrefix(s, "-") {
		return s
	}
	if strings.ContainsFunc(s, hiddenMark) || !utf8.ValidString(s) { // so that what is read is what is run
		quoted := strconv.QuoteToASCII(s)
		return "$'" + strings.ReplaceAll(quoted[1:len(quoted)-1], "'", `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
