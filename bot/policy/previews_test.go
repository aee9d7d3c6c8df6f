package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/bot/policy"
)

func TestPreviewsWanted(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules := policy.Previews{Set: true, Paths: []string{"/web/", "*.md"}, TTL: 24 * time.Hour}
	for name, c := range map[string]struct {
		rules  policy.Previews
		wish   policy.Wish
		wanted bool
		reason string // a part of it
	}{
		"selected by a set":                    {policy.Previews{}, policy.Wish{Selected: true}, true, ""},
		"selected by none":                     {policy.Previews{}, policy.Wish{}, false, ""},
		"a draft, without rules":               {policy.Previews{}, policy.Wish{Selected: true, Draft: true}, true, ""},
		"a draft":                              {policy.Previews{Set: true}, policy.Wish{Selected: true, Draft: true}, false, "drafts"},
		"a draft, where they have one":         {policy.Previews{Set: true, Drafts: true}, policy.Wish{Selected: true, Draft: true}, true, ""},
		"a draft, by command":                  {policy.Previews{Set: true}, policy.Wish{Commanded: true, Draft: true}, true, ""},
		"stopped":                              {policy.Previews{}, policy.Wish{Selected: true, Stopped: true}, false, "stopped"},
		"of a path":                            {rules, policy.Wish{Selected: true, Files: []string{"docs/a.txt", "web/a/b.yaml"}, Active: now}, true, ""},
		"of a name":                            {rules, policy.Wish{Selected: true, Files: []string{"docs/readme.md"}, Active: now}, true, ""},
		"of no path":                           {rules, policy.Wish{Selected: true, Files: []string{"docs/web/a.txt"}, Active: now}, false, "/web/"},
		"of no path, by command":               {rules, policy.Wish{Commanded: true, Files: []string{"docs/a.txt"}, Active: now}, true, ""},
		"of files that nobody may read":        {rules, policy.Wish{Selected: true, Unread: true, Active: now}, true, ""},
		"stopped, on GitLab":                   {policy.Previews{}, policy.Wish{Selected: true, Stopped: true, Begin: "/slipway "}, false, "/slipway preview brings"},
		"a minute before its end":              {rules, policy.Wish{Commanded: true, Active: now.Add(-24*time.Hour + time.Minute)}, true, ""},
		"its time is up":                       {rules, policy.Wish{Commanded: true, Active: now.Add(-24 * time.Hour)}, false, "time"},
		"its time is up, and it is given more": {rules, policy.Wish{Commanded: true, Active: now.Add(-48 * time.Hour), Until: now.Add(time.Hour)}, true, ""},
		"its given time is up":                 {policy.Previews{}, policy.Wish{Selected: true, Until: now}, false, "time"},
	} {
		t.Run(name, func(t *testing.T) {
			c.wish.Now = now
			wanted, _, reason := c.rules.Wanted(c.wish)
			if wanted != c.wanted || !strings.Contains(reason, c.reason) || c.reason == "" && reason != "" {
				t.Errorf("%v, %q", wanted, reason)
			}
		})
	}
}

func TestThePlaceInTheQueue(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	all := []policy.Turn{{Number: 9, Since: at(1)}, {Number: 3, Since: at(5)}, {Number: 4, Since: at(5)}, {Number: 1, Since: at(9)}}
	for _, c := range []struct{ limit, number, want int }{
		{0, 1, 0}, {1, 9, 0}, {1, 3, 1}, {1, 4, 2}, {1, 1, 3}, {2, 3, 0}, {2, 4, 1}, {4, 1, 0},
	} {
		if got := (policy.Previews{Limit: c.limit}).Place(c.number, all); got != c.want {
			t.Errorf("limit %d, number %d: place %d, want %d", c.limit, c.number, got, c.want)
		}
	}
}

func TestTheImageOfAPullRequest(t *testing.T) {
	p := policy.Previews{Image: "example.com/web:{{number}}-{{head_short_sha}}"}
	if got, want := p.ImageOf("7", strings.Repeat("a", 40)), "example.com/web:7-aaaaaaaa"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
