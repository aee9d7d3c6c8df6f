package settings

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timing is how long things take, or may.
type Timing struct {
	// Reconciliation is how often an application is compared without being asked, Jitter what is added to it at most; Hard is how often
	// that happens with nothing taken from caches. 0 is never.
	Reconciliation, Jitter, Hard time.Duration
	// SyncTimeout ends an operation; 0 is never. WaveDelay is the least time between two waves. WaveTimeout, which is ours, ends an operation
	// whose wave does not get healthy; 0 is never.
	SyncTimeout, WaveDelay, WaveTimeout time.Duration
	// Grace is how long a source that cannot be read leaves status as it was.
	Grace time.Duration
	// HealFirst is the wait between two healings of the same drift, which grows by HealFactor each time, up to HealMax.
	HealFirst, HealMax time.Duration
	HealFactor         int64
}

// defaultTiming is Argo CD's, but for the end of waits that never end there.
var defaultTiming = Timing{
	Reconciliation: 2 * time.Minute, Jitter: time.Minute, WaveDelay: 2 * time.Second, WaveTimeout: 20 * time.Minute, Grace: 3 * time.Minute,
	HealFirst: 2 * time.Second, HealFactor: 3, HealMax: 5 * time.Minute,
}

// polling reads what argocd-cm says of it.
func (t *Timing) polling(m map[string]string) []error {
	return durations(ConfigMapName, m, map[string]*time.Duration{
		"timeout.reconciliation": &t.Reconciliation, "timeout.reconciliation.jitter": &t.Jitter, "timeout.hard.reconciliation": &t.Hard,
	})
}

// parameters reads what argocd-cmd-params-cm says of it.
func (t *Timing) parameters(m map[string]string) []error {
	const fixed = "controller.self.heal.timeout.seconds"
	growing := t.HealFirst
	errs := durations(ParametersName, m, map[string]*time.Duration{
		"controller.sync.timeout.seconds": &t.SyncTimeout, "controller.sync.wave.delay.seconds": &t.WaveDelay,
		"slipway.sync.wave.timeout.seconds": &t.WaveTimeout, "controller.repo.error.grace.period.seconds": &t.Grace,
		"controller.self.heal.backoff.timeout.seconds": &growing, "controller.self.heal.backoff.cap.seconds": &t.HealMax,
	})
	if text := strings.TrimSpace(m["controller.self.heal.backoff.factor"]); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 {
			errs = append(errs, fmt.Errorf("%s: controller.self.heal.backoff.factor: %q is no number above 0", ParametersName, text))
		} else {
			t.HealFactor = n
		}
	}
	t.HealFirst = growing
	if growing == 0 { // without growth there is one wait, which is none by default
		t.HealFactor = 1
		errs = append(errs, durations(ParametersName, m, map[string]*time.Duration{fixed: &t.HealFirst})...)
	}
	return errs
}

// durations reads "180s", "3m", or plain numbers of seconds. What cannot be read is left as it is.
func durations(configMap string, m map[string]string, into map[string]*time.Duration) []error {
	var errs []error
	for key, d := range into {
		if err := duration(m, key, d); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", configMap, key, err))
		}
	}
	return errs
}
