package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/command"
)

var ours = command.Options{Mentions: []string{"slipway"}}

func env(name string) command.Target {
	return command.Target{Kind: command.Environment, Name: name}
}

func TestParseReadsACommandWithItsArguments(t *testing.T) {
	staging := []command.Target{env("staging")}
	for line, want := range map[string]command.Command{
		"/sync staging":                    {Verb: command.Sync, Targets: staging},
		"/sync  staging\t":                 {Verb: command.Sync, Targets: staging},
		"/SYNC staging":                    {Verb: command.Sync, Targets: staging},
		"/slipway sync staging":            {Verb: command.Sync, Targets: staging},
		"/slipway /sync staging":           {Verb: command.Sync, Targets: staging},
		"@slipway sync staging":            {Verb: command.Sync, Targets: staging},
		"@Slipway[bot] sync staging":       {Verb: command.Sync, Targets: staging},
		"@slipway: sync staging":           {Verb: command.Sync, Targets: staging},
		"/sync staging staging":            {Verb: command.Sync, Targets: staging},
		"/sync staging --prune":            {Verb: command.Sync, Targets: staging, Prune: true},
		"/sync staging —prune":             {Verb: command.Sync, Targets: staging, Prune: true},
		"/sync staging --prune=false":      {Verb: command.Sync, Targets: staging},
		"/sync --dry-run staging":          {Verb: command.Sync, Targets: staging, DryRun: true},
		`/sync staging --reason "hot fix"`: {Verb: command.Sync, Targets: staging, Reason: "hot fix"},
		"/sync staging --reason=fix":       {Verb: command.Sync, Targets: staging, Reason: "fix"},
		"/sync app:web app:team-a/api cluster:eu-1": {Verb: command.Sync, Targets: []command.Target{
			{Kind: command.Application, Name: "web"}, {Kind: command.Application, Name: "team-a/api"}, {Kind: command.Cluster, Name: "eu-1"}}},
		"/status cluster:https://10.0.0.1:6443": {Verb: command.Status, Targets: []command.Target{{Kind: command.Cluster, Name: "https://10.0.0.1:6443"}}},
		"/sync staging --resource apps:Deployment:web --resource :Service:shop/web": {Verb: command.Sync, Targets: staging, Resources: []command.Resource{
			{Group: "apps", Kind: "Deployment", Name: "web"}, {Kind: "Service", Namespace: "shop", Name: "web"}}},
		"/lock":                              {Verb: command.Lock},
		"/lock staging --for 2d":             {Verb: command.Lock, Targets: staging, For: 48 * time.Hour},
		`/lock staging "moving a database"`:  {Verb: command.Lock, Targets: staging, Reason: "moving a database"},
		"/sync staging --wait":               {Verb: command.Sync, Targets: staging, Wait: true},
		"/sync staging --force --replace":    {Verb: command.Sync, Targets: staging, Force: true, Replace: true},
		"/unlock staging --force":            {Verb: command.Unlock, Targets: staging, Force: true},
		"/rollback staging --now --to v1.2":  {Verb: command.Rollback, Targets: staging, Now: true, To: "v1.2"},
		"/rollback staging --release":        {Verb: command.Rollback, Targets: staging, Release: true},
		"/override pvc-removed it's moved":   {Verb: command.Override, Name: "pvc-removed", Reason: "it's moved"},
		"/override dry-run --dry-run a b":    {Verb: command.Override, Name: "dry-run", Reason: "a b", DryRun: true},
		"/action deploy/web":                 {Verb: command.Action, Object: command.Resource{Kind: "deploy", Name: "web"}},
		"/action restart deploy/web staging": {Verb: command.Action, Name: "restart", Object: command.Resource{Kind: "deploy", Name: "web"}, Targets: staging},
		"/action retry rollout.argoproj.io/shop/web": {Verb: command.Action, Name: "retry",
			Object: command.Resource{Group: "argoproj.io", Kind: "rollout", Namespace: "shop", Name: "web"}},
		"/action scale sts/db --param replicas=3 --dry-run": {Verb: command.Action, Name: "scale", Object: command.Resource{Kind: "sts", Name: "db"},
			Params: map[string]string{"replicas": "3"}, DryRun: true},
		"/preview":            {Verb: command.Preview, Name: command.PreviewStart},
		"/preview stop":       {Verb: command.Preview, Name: command.PreviewStop},
		"/preview extend 24h": {Verb: command.Preview, Name: command.PreviewExtend, For: 24 * time.Hour},
		"/diff":               {Verb: command.Diff},
		"/ok-to-test":         {Verb: command.OKToTest},
		"/status":             {Verb: command.Status},
		"/unlock":             {Verb: command.Unlock},
		"/help":               {Verb: command.Help},
	} {
		t.Run(line, func(t *testing.T) {
			want.Text = strings.TrimSpace(line)
			if diff := cmp.Diff([]command.Command{want}, command.Parse(line, ours)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseExplainsWhatItCannotCarryOut(t *testing.T) {
	for line, want := range map[string]struct{ problem, hint string }{
		"/synk prod":                           {"no command /synk", "/sync prod"},
		"/snyc":                                {"no command /snyc", "/sync"},
		"/slipway deploy prod":                 {`no command "deploy"`, "/help"},
		"@slipway":                             {"", ""}, // a mention alone is small talk
		"/slipway":                             {"no command was named", "help"},
		"/sync":                                {"needs an environment", "ENV"},
		"/sync prod --purne":                   {"no option --purne", "--prune"},
		"/diff --prune":                        {"no option --prune", "/diff"},
		"/diff prod":                           {`takes no "prod"`, "/diff"},
		"/sync staging --reason":               {"--reason needs a value", ""},
		`/sync staging --reason "no`:           {"a quote is not closed", ""},
		"/sync ../../etc":                      {"is no name", ""},
		"/sync `prod`":                         {"is no name", ""},
		"/sync app:a/b/c":                      {"is no name", ""},
		"/sync a/b":                            {"is no name", ""},
		"/sync p --resource Service":           {"is no resource", "group:kind:name"},
		"/sync p --prune=maybe":                {"takes no value", ""},
		"/rollback":                            {"needs an environment", "ENV"},
		"/rollback p --to a:b":                 {"is no revision", "7 to 40"},
		"/rollback p --now --release":          {"exclude each other", ""},
		"/rollback p --prune":                  {"goes with --now", ""},
		"/rollback p --release --to v1":        {"goes to no revision", ""},
		"/lock p --for 1s":                     {"is no time", "--for 4h"},
		"/lock p --for 31d":                    {"is no time", "--for 4h"},
		"/override":                            {"needs the name of a guard", "/override NAME"},
		"/override pvc":                        {"needs a reason", "/override NAME"},
		"/override @x y":                       {"is no name of a guard", ""},
		"/action restart":                      {"needs an object", "KIND/"},
		"/action restart now deploy/web":       {"needs an object", "KIND/"},
		"/action restart deploy/web/x/y":       {"is no object", "KIND/NAME"},
		"/action restart deploy/":              {"is no object", "KIND/NAME"},
		"/action ../x deploy/web":              {"is no object", "KIND/NAME"},
		"/action restart deploy/web --param x": {"is no parameter", "name=value"},
		"/preview stpo":                        {`takes no "stpo"`, "/preview stop"},
		"/preview extend":                      {"needs a time", "24h"},
		"/preview extend 3s":                   {"is no time", "24h"},
		"/preview stop now":                    {`takes no "now"`, ""},
		"/sync \u202Eprod":                     {"is no name", ""},
		"/sync prod\u200b":                     {"is no name", ""},
	} {
		t.Run(line, func(t *testing.T) {
			got := command.Parse(line, ours)
			if want.problem == "" {
				if len(got) != 0 {
					t.Fatalf("got %v, want nothing", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0].Problem, want.problem) || !strings.Contains(got[0].Hint, want.hint) {
				t.Errorf("got %+v, want problem %q, hint %q", got, want.problem, want.hint)
			}
		})
	}
}

func TestParseKeepsTheOrderOfManyCommands(t *testing.T) {
	got := command.Parse("Looks good.\r\n\r\n/diff\r\n/sync staging\r\nthen\r\n   /status\r\n", ours)
	var verbs []command.Verb
	for i, c := range got {
		if c.Index != i {
			t.Errorf("command %d has index %d", i, c.Index)
		}
		verbs = append(verbs, c.Verb)
	}
	if diff := cmp.Diff([]command.Verb{command.Diff, command.Sync, command.Status}, verbs); diff != "" {
		t.Error(diff)
	}
}

func TestParseIsBounded(t *testing.T) {
	got := command.Parse(strings.Repeat("/diff\n", 100), ours)
	if len(got) != command.MaxCommands+1 || got[command.MaxCommands].Problem == "" {
		t.Errorf("got %d commands, want %d and a problem", len(got), command.MaxCommands)
	}
	if got := command.Parse("/diff\n"+strings.Repeat("x", command.MaxBody), ours); len(got) != 0 {
		t.Errorf("a comment over the bound has commands: %v", got)
	}
	for name, hostile := range map[string]string{
		"backticks": strings.Repeat("`", 1), "brackets": "[", "emphasis": "*a_", "quotes": "> ", "tags": "<a ", "comments": "<!--", "escapes": "\\`",
	} {
		t.Run(name, func(t *testing.T) {
			command.Parse("/diff "+strings.Repeat(hostile, command.MaxBody/len(hostile)-10), ours)
		})
	}
}

// silent are comments in which a command is shown, quoted or hidden, but not given.
var silent = map[string]string{
	"quote":                   "> /sync prod",
	"quote that goes on":      "> as he said\n/sync prod",
	"quote within a quote":    ">> /sync prod",
	"fence":                   "```\n/sync prod\n```",
	"fence with a language":   "```sh\n/sync prod\n```",
	"tilde fence":             "~~~\n/sync prod\n```\n/sync prod\n~~~",
	"fence not closed":        "```\n/sync prod",
	"longer fence":            "````\n```\n/sync prod\n```\n````",
	"indented fence":          "  ```\n/sync prod\n  ```",
	"fence, CRLF":             "```\r\n/sync prod\r\n```\r\n",
	"indented code":           "text\n\n    /sync prod",
	"tab":                     "\t/sync prod",
	"inline code":             "`/sync prod`",
	"inline code over lines":  "`one\n/sync prod\ntwo`",
	"code from a line's end":  "see `\n/sync prod`",
	"code to a line's start":  "see `x\n/sync prod\n` there",
	"double backticks":        "``a ` b\n/sync prod\n``",
	"HTML comment":            "<!--\n/sync prod\n-->",
	"HTML comment, one line":  "<!-- /sync prod -->",
	"HTML comment, open":      "<!--\n\n/sync prod",
	"HTML comment in a text":  "text <!-- a\n/sync prod\n--> text",
	"details":                 "<details>\n/sync prod\n</details>",
	"details with paragraphs": "<details><summary>log</summary>\n\n/sync prod\n\n</details>",
	"details in a paragraph":  "text <details>\n\n/sync prod\n\n</details>",
	"details in details":      "<details>\n\n<details>\n\n</details>\n\n/sync prod\n\n</details>",
	"blockquote":              "<blockquote>\n\n/sync prod\n\n</blockquote>",
	"pre":                     "<pre>\n/sync prod\n\n/sync prod\n</pre>",
	"inline tag":              "a <kbd>\n/sync prod\n</kbd>",
	"attribute":               "a <span title=\"\n/sync prod\n\">b</span>",
	"list":                    "- /sync prod\n1. /sync prod",
	"list that goes on":       "- please\n/sync prod",
	"heading":                 "# /sync prod",
	"in a sentence":           "please /sync prod",
	"a path":                  "/etc/passwd is shown\n/api/v1 too",
	"others' commands":        "/lgtm\n/hold\n/test all\n/approve\n/retest\n/assign @x\n/close",
	"another's mention":       "@slipway-staging sync prod",
	"escaped":                 "\\/sync prod",
	"no word":                 "/ sync prod",
	"verb runs on":            "/sync-prod\n/synchronous prod\n/syncprod",
}

func TestParseLeavesAloneWhatIsNotSaid(t *testing.T) {
	for name, body := range silent {
		t.Run(name, func(t *testing.T) {
			for _, c := range command.Parse(body, ours) {
				t.Errorf("found %q (%s)", c.Text, c.Problem)
			}
		})
	}
}

func TestParseHearsWhatStandsBesideCode(t *testing.T) {
	for name, body := range map[string]string{
		"after a quote":         "> please deploy\n\n/sync prod",
		"after a fence":         "```\nx\n```\n/sync prod",
		"after details":         "<details>\n\nx\n\n</details>\n\n/sync prod",
		"after a comment":       "<!-- x -->\n\n/sync prod",
		"underlined":            "/sync prod\n--\nAlice",
		"after inline code":     "`x`\n/sync prod\n`y`",
		"unbalanced backticks":  "a ` b\n/sync prod",
		"comment about details": "<!-- <details> -->\n\n/sync prod",
	} {
		t.Run(name, func(t *testing.T) {
			if got := command.Parse(body, ours); len(got) != 1 || got[0].Verb != command.Sync || got[0].Problem != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, body := range silent {
		f.Add(body)
	}
	f.Add("/action restart deploy.apps/a/b app:x --param a=b --dry-run\n/override pvc it's\n/preview extend 2d\n/lock a \"b c\" --for=3h")
	f.Add("/rollback prod --to v1 --now\n/unlock --force")
	f.Add("/sync staging --prune --resource a:b:c --reason \"x\"\n/diff")
	f.Fuzz(func(t *testing.T, body string) {
		for i, c := range command.Parse(body, ours) {
			if c.Index != i || c.Index > command.MaxCommands {
				t.Fatalf("command %d has index %d", i, c.Index)
			}
			if !strings.Contains(strings.ReplaceAll(body, "\x00", "\uFFFD"), strings.TrimSpace(c.Text)) {
				t.Fatalf("%q is not in the comment", c.Text)
			}
		}
		// Whatever stands in a fence that it cannot close is code.
		fence := "```"
		for strings.Contains(body, fence) {
			fence += "`"
		}
		for name, wrapped := range map[string]string{
			"fence":   fence + "\n" + body + "\n" + fence,
			"comment": "<!--\n" + strings.ReplaceAll(body, "-->", "") + "\n-->",
			"quote":   "> " + strings.NewReplacer("\r\n", "\n> ", "\n", "\n> ", "\r", "\n> ").Replace(body),
		} {
			if got := command.Parse(wrapped, ours); len(got) > 0 {
				t.Fatalf("found %q in a %s:\n%s", got[0].Text, name, wrapped)
			}
		}
	})
}
