package project

import (
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// noon is a Wednesday.
var noon = time.Date(2026, 3, 4, 12, 0, 30, 0, time.UTC)

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		text string
		open time.Duration
		want bool
	}{
		{"* * * * *", time.Minute, true},
		{"0 12 * * *", time.Hour, true},
		{"0 11 * * *", time.Hour, false},
		{"0 11 * * *", 61 * time.Minute, true},
		{"0 22 * * *", 15 * time.Hour, true},
		{"0 12 * * WED", time.Hour, true},
		{"0 12 * * mon-fri", time.Hour, true},
		{"0 12 * * 0,6", time.Hour, false},
		{"0 12 * * 7", time.Hour, false},
		{"0 12 1 * 3", time.Hour, true}, // either day will do
		{"0 12 1 * *", time.Hour, false},
		{"*/15 8-18/2 * MAR *", 5 * time.Minute, true},
		{"30/10 * * * *", time.Minute, false},
		{"@daily", 13 * time.Hour, true},
		{"@hourly", 30 * time.Second, false},
		{"@hourly", 31 * time.Second, true},
		{"0 0 1 1 *", 100 * 24 * time.Hour, true},
	} {
		s, err := parseSchedule(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := s.openAt(noon, c.open); got != c.want {
			t.Errorf("%q for %s is open: %v", c.text, c.open, got)
		}
	}
	for _, bad := range []string{"", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "5-1 * * * *", "x * * * *", "@reboot", "* * * * mon-sun-tue"} {
		if _, err := parseSchedule(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestScheduleFollowsItsZone(t *testing.T) {
	w := argo.SyncWindow{Kind: "allow", Schedule: "0 13 * * *", Duration: "1h", TimeZone: "Europe/Berlin"}
	if !isOpen(w, noon) {
		t.Error("13:00 in Berlin is 12:00 UTC in winter")
	}
	if isOpen(w, noon.AddDate(0, 4, 0)) {
		t.Error("in summer it is not")
	}
}

func TestWindows(t *testing.T) {
	open, closed := "0 12 * * *", "0 3 * * *"
	window := func(kind, schedule string, change ...func(*argo.SyncWindow)) argo.SyncWindow {
		w := argo.SyncWindow{Kind: kind, Schedule: schedule, Duration: "1h", Applications: []string{"*"}}
		for _, c := range change {
			c(&w)
		}
		return w
	}
	manual := func(w *argo.SyncWindow) { w.ManualSync = true }
	overrun := func(w *argo.SyncWindow) { w.SyncOverrun = true }
	inTime, late := noon.Add(-2*time.Hour), noon.Add(-10*time.Second)
	for name, c := range map[string]struct {
		windows []argo.SyncWindow
		manual  bool
		started time.Time
		blocked bool
	}{
		"no windows":                           {},
		"an open deny":                         {windows: []argo.SyncWindow{window("deny", open)}, blocked: true},
		"an open deny wins over an open allow": {windows: []argo.SyncWindow{window("allow", open), window("deny", open)}, blocked: true},
		"a closed deny":                        {windows: []argo.SyncWindow{window("deny", closed)}},
		"an open allow":                        {windows: []argo.SyncWindow{window("allow", open), window("allow", closed)}},
		"a closed allow":                       {windows: []argo.SyncWindow{window("allow", closed)}, blocked: true},
		"people through a deny":                {windows: []argo.SyncWindow{window("deny", open, manual)}, manual: true},
		"people through one deny of two":       {windows: []argo.SyncWindow{window("deny", open, manual), window("deny", open)}, manual: true, blocked: true},
		"not machines":                         {windows: []argo.SyncWindow{window("deny", open, manual)}, blocked: true},
		"people outside an allow":              {windows: []argo.SyncWindow{window("allow", closed, manual)}, manual: true},
		"what began in time goes on":           {windows: []argo.SyncWindow{window("deny", open, overrun)}, started: inTime},
		"what began in time stops otherwise":   {windows: []argo.SyncWindow{window("deny", open)}, started: inTime, blocked: true},
		"what began too late does not":         {windows: []argo.SyncWindow{window("deny", open, overrun)}, started: late, blocked: true},
		"a deny that cannot be read":           {windows: []argo.SyncWindow{window("deny", "sometimes")}, blocked: true},
		"an allow that cannot be read":         {windows: []argo.SyncWindow{window("allow", "sometimes")}, blocked: true},
		"a deny without a duration":            {windows: []argo.SyncWindow{window("deny", closed, func(w *argo.SyncWindow) { w.Duration = "long" })}, blocked: true},
		"of another application":               {windows: []argo.SyncWindow{window("deny", open, func(w *argo.SyncWindow) { w.Applications = []string{"web-*"} })}},
		"by cluster": {windows: []argo.SyncWindow{window("deny", open, func(w *argo.SyncWindow) {
			w.Applications, w.Clusters = nil, []string{"prod*"}
		})}, blocked: true},
		"any list will do": {windows: []argo.SyncWindow{window("deny", open, func(w *argo.SyncWindow) { w.Namespaces = []string{"other"} })}, blocked: true},
		"all lists, if so asked": {windows: []argo.SyncWindow{window("deny", open, func(w *argo.SyncWindow) {
			w.Namespaces, w.UseAndOperator = []string{"other"}, true
		})}},
	} {
		t.Run(name, func(t *testing.T) {
			app := &argo.Application{Spec: argo.ApplicationSpec{Destination: argo.ApplicationDestination{Name: "prod-1", Namespace: "shop"}}}
			app.Name = "api"
			p := permits(argo.AppProjectSpec{SyncWindows: c.windows}, Scope{})
			got := p.Blocked(Attempt{App: app, Manual: c.manual, StartedAt: c.started, Now: noon})
			if (got != "") != c.blocked {
				t.Errorf("blocked: %q", got)
			}
		})
	}
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"* * * * *", "0 12 1 * 3", "*/15 8-18/2 * MAR mon", "@daily", "1-", "/ , - * ?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseSchedule(text); err == nil {
			s.openAt(noon, time.Hour)
		}
	})
}
