package gitlab

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

const (
	older = "1111111111111111111111111111111111111111"
	newer = "2222222222222222222222222222222222222222"
)

// TestWhichVersionWasApproved holds approvals against the versions of a merge request: older came at 10:00, newer at 11:00.
func TestWhichVersionWasApproved(t *testing.T) {
	const versions = `200 [{"id":5,"head_commit_sha":"` + older + `","created_at":"2026-01-02T10:00:00.000Z"},{"id":9,"head_commit_sha":"` + newer + `","created_at":"2026-01-02T11:00:00.500Z"}]`
	const bob, mallory = `"author":{"id":6,"username":"bob"}`, `"author":{"id":8,"username":"mallory"}`
	note := func(author, body, at, system string) string {
		return `{"id":1,"body":"` + body + `",` + author + `,"system":` + system + `,"created_at":"2026-01-02T` + at + `Z"}`
	}
	for name, c := range map[string]struct{ time, notes, versions, want string }{
		"after the newest":                   {time: "11:00:00.600", want: newer},
		"before the newest":                  {time: "10:59:59.999", want: older},
		"at the very moment of the newest":   {time: "11:00:00.500", want: older},
		"before there was any":               {time: "09:00:00.000", want: ""},
		"the newest has no time":             {time: "11:30:00.000", versions: strings.Replace(versions, `,"created_at":"2026-01-02T11:00:00.500Z"`, "", 1), want: "an error"},
		"there are no versions":              {time: "11:30:00.000", versions: "200 []", want: ""},
		"by a note after the newest":         {notes: note(bob, "approved this merge request", "11:01:00", "true"), want: newer},
		"by a note before the newest":        {notes: note(bob, "approved this merge request", "10:30:00", "true"), want: ""},
		"by another's note":                  {notes: note(mallory, "approved this merge request", "11:01:00", "true"), want: ""},
		"by what somebody wrote like a note": {notes: note(bob, "approved this merge request", "11:01:00", "false"), want: ""},
		"no word of the time":                {want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			by := `{"user":{"id":6,"username":"bob"}}`
			if c.time != "" {
				by = `{"user":{"id":6,"username":"bob"},"approved_at":"2026-01-02T` + c.time + `Z"}`
			}
			if c.versions == "" {
				c.versions = versions
			}
			const mr = "GET /api/v4/projects/7/merge_requests/3/"
			f, _, r := gitLab(t, map[string][]string{mr + "approvals": {`200 {"approved_by":[` + by + `,{"user":null}]}`}, mr + "versions": {c.versions},
				mr + "notes": {"200 [" + c.notes + "]"}})
			got, err := f.Reviews(t.Context(), r, 3)
			if c.want == "an error" {
				if err == nil {
					t.Errorf("got %+v", got)
				}
				return
			}
			if err != nil || len(got) != 1 || got[0].SHA != c.want || got[0].User.Login != "bob" || got[0].State != forge.Approved {
				t.Errorf("got %+v, %v; want one of %q", got, err, c.want)
			}
		})
	}
}

// TestWhoPushed reads who had a hand in a branch from GitLab's notes and events.
func TestWhoPushed(t *testing.T) {
	const mr = "GET /api/v4/projects/7/merge_requests/3/"
	const notes = `200 [{"id":3,"body":"added 2 commits\n\n<ul>","author":{"id":11,"username":"carol"},"system":true,"created_at":"2026-01-02T11:00:00Z"},
 {"id":2,"body":"added 2 commits","author":{"id":12,"username":"mallory"},"system":false,"created_at":"2026-01-02T10:00:00Z"},
 {"id":1,"body":"added ~3 label","author":{"id":13,"username":"dave"},"system":true,"created_at":"2026-01-02T09:00:00Z"}]`
	event := func(id, login, action, kind, ref string) string {
		return `{"author_id":` + id + `,"author":{"username":"` + login + `"},"push_data":{"action":"` + action + `","ref_type":"` + kind + `","ref":` + ref + `}}`
	}
	events := "200 [" + strings.Join([]string{event("14", "bob", "pushed", "branch", `"scale"`), event("15", "erin", "pushed", "branch", `"other"`),
		event("16", "frank", "pushed", "branch", "null"), event("17", "grace", "pushed", "tag", `"scale"`), event("18", "alice", "created", "branch", `"scale"`),
		event("19", "before", "pushed", "branch", `"scale"`)}, ",") + "]"
	for name, c := range map[string]struct {
		head int64
		want string
	}{
		"of its own branch": {7, "carol bob frank alice"},
		"of a fork":         {8, "carol"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, r := gitLab(t, map[string][]string{mr + "notes": {notes}, "GET /api/v4/projects/7/events": {events}})
			got, err := f.Writers(t.Context(), r, forge.PullRequest{Repository: r, Number: 3, Head: forge.Ref{Name: "scale"}, HeadRepository: c.head})
			var logins []string
			for _, u := range got {
				logins = append(logins, u.Login)
			}
			if err != nil || strings.Join(logins, " ") != c.want {
				t.Errorf("got %v, %v; want %s", logins, err, c.want)
			}
		})
	}
}
