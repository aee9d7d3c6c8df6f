package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

func TestWhichDeliveriesAreHadAgain(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	attempt := func(guid string, ago time.Duration, status int) forge.Delivery {
		return forge.Delivery{GUID: guid, At: now.Add(-ago), Status: status}
	}
	for name, c := range map[string]struct {
		log  []forge.Delivery // newest first
		want string
	}{
		"none failed":                   {[]forge.Delivery{attempt("a", time.Minute, 202), attempt("b", time.Hour, 202)}, ""},
		"no answer":                     {[]forge.Delivery{attempt("a", 2*time.Minute, 0)}, "a"},
		"refused for a while":           {[]forge.Delivery{attempt("a", 2*time.Minute, 503)}, "a"},
		"the oldest first":              {[]forge.Delivery{attempt("b", 2*time.Minute, 502), attempt("c", 3*time.Minute, 202), attempt("a", time.Hour, 0)}, "a b"},
		"had again already":             {[]forge.Delivery{attempt("a", time.Minute, 202), attempt("a", time.Hour, 0)}, ""},
		"taken, and then sent again":    {[]forge.Delivery{attempt("a", time.Minute, 500), attempt("a", time.Hour, 202)}, ""},
		"failed twice":                  {[]forge.Delivery{attempt("a", 2*time.Minute, 0), attempt("a", time.Hour, 0)}, "a"},
		"failed three times":            {[]forge.Delivery{attempt("a", 2*time.Minute, 0), attempt("a", time.Hour, 0), attempt("a", 2*time.Hour, 0)}, ""},
		"it may be on its way":          {[]forge.Delivery{attempt("a", 10*time.Second, 0)}, ""},
		"the forge has it no more":      {[]forge.Delivery{attempt("a", 80*time.Hour, 0)}, ""},
		"one of several about the same": {[]forge.Delivery{attempt("a", 2*time.Minute, 0), attempt("b", 2*time.Minute, 202)}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range undelivered(c.log, now, time.Minute) {
				got = append(got, d.GUID)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("had again: %s, want %q", got, c.want)
			}
		})
	}
}

func TestMemoryOfWhatWasSwept(t *testing.T) {
	m := newMemory()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	if got := now.Sub(m.since("log", now)); got != deliveryWindow {
		t.Errorf("at first %s are read", got)
	}
	m.until("log", now)
	if got := now.Add(5 * time.Minute).Sub(m.since("log", now.Add(5*time.Minute))); got != 5*time.Minute+sweptAgain {
		t.Errorf("then %s are read", got)
	}
}
