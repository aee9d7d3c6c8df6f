package settings

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestTiming(t *testing.T) {
	for name, c := range map[string]struct {
		argocd, parameters []string
		change             func(*Timing)
		errs               int
	}{
		"polling is off": {argocd: []string{"timeout.reconciliation", "0", "timeout.hard.reconciliation", "1h"}, change: func(t *Timing) {
			t.Reconciliation, t.Hard = 0, time.Hour
		}},
		"limits of syncs": {parameters: []string{"controller.sync.timeout.seconds", "600", "controller.sync.wave.delay.seconds", "0",
			"slipway.sync.wave.timeout.seconds", "60", "controller.repo.error.grace.period.seconds", "5"}, change: func(t *Timing) {
			t.SyncTimeout, t.WaveDelay, t.WaveTimeout, t.Grace = 10*time.Minute, 0, time.Minute, 5*time.Second
		}},
		"healing that grows": {parameters: []string{"controller.self.heal.backoff.timeout.seconds", "4", "controller.self.heal.backoff.factor", "2",
			"controller.self.heal.backoff.cap.seconds", "30", "controller.self.heal.timeout.seconds", "9"}, change: func(t *Timing) {
			t.HealFirst, t.HealFactor, t.HealMax = 4*time.Second, 2, 30*time.Second
		}},
		"healing at a pace": {parameters: []string{"controller.self.heal.backoff.timeout.seconds", "0", "controller.self.heal.timeout.seconds", "5"}, change: func(t *Timing) {
			t.HealFirst, t.HealFactor = 5*time.Second, 1
		}},
		"mistakes": {argocd: []string{"timeout.hard.reconciliation", "often"}, parameters: []string{"controller.self.heal.backoff.factor", "0", "controller.sync.timeout.seconds", "-1"}, errs: 3},
	} {
		t.Run(name, func(t *testing.T) {
			got, errs := Decode([]corev1.ConfigMap{configMap(ConfigMapName, c.argocd...), configMap(ParametersName, c.parameters...)}, nil)
			want := defaultTiming
			if c.change != nil {
				c.change(&want)
			}
			if diff := cmp.Diff(want, got.Timing); diff != "" || len(errs) != c.errs {
				t.Error(diff, errs)
			}
		})
	}
}
