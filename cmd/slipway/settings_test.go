package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/settings"
)

// A cache gives a namespace's objects in any order, which is no change.
func TestSettingsAreDecodedAgainOnlyWhenTheyChange(t *testing.T) {
	object := func(name, version string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, ResourceVersion: version}
	}
	a, b := corev1.ConfigMap{ObjectMeta: object("a", "1")}, corev1.ConfigMap{ObjectMeta: object("b", "2")}
	s := corev1.Secret{ObjectMeta: object("a", "3")}
	before := versions([]corev1.ConfigMap{a, b}, []corev1.Secret{s})
	if versions([]corev1.ConfigMap{b, a}, []corev1.Secret{s}) != before {
		t.Error("another order counts as a change")
	}
	a.ResourceVersion = "4"
	if versions([]corev1.ConfigMap{a, b}, []corev1.Secret{s}) == before {
		t.Error("a change does not count")
	}
}

// deaf answers nothing until it hears.
type deaf struct {
	client.Reader
	hears bool
}

func (d *deaf) List(context.Context, client.ObjectList, ...client.ListOption) error {
	if d.hears {
		return nil
	}
	return errors.New("nobody is there")
}

// TestSettingsSayThatNobodyHasReadThem holds that defaults are told from what was read.
func TestSettingsSayThatNobodyHasReadThem(t *testing.T) {
	d := &deaf{}
	s := &settled{client: d, namespace: "argocd", log: slog.New(slog.DiscardHandler), last: unread()}
	if now := s.read(t.Context()); !now.Unread || !now.InCluster {
		t.Errorf("before anything was read: %+v", now)
	}
	for _, d.hears = range []bool{true, false} {
		if s.read(t.Context()).Unread {
			t.Errorf("read once, and the server answers %v: not read", d.hears)
		}
	}
}

func TestTimesOfTheSettings(t *testing.T) {
	s, errs := settings.Decode([]corev1.ConfigMap{
		{ObjectMeta: metav1.ObjectMeta{Name: settings.ConfigMapName}, Data: map[string]string{"timeout.reconciliation": "0", "timeout.hard.reconciliation": "1h"}},
		{ObjectMeta: metav1.ObjectMeta{Name: settings.ParametersName}, Data: map[string]string{"controller.sync.wave.delay.seconds": "0", "slipway.sync.wave.timeout.seconds": "90"}},
	}, nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	got := (&serveOptions{}).tune(controller.Options{Concurrency: 3}, s.Timing)
	if got.Period >= 0 || got.HardPeriod != time.Hour || got.WaveDelay >= 0 || got.WaveTimeout != 90*time.Second || got.Concurrency != 3 {
		t.Errorf("%+v", got)
	}
	if got := (&serveOptions{reconcileTimeout: time.Minute}).tune(controller.Options{}, s.Timing); got.Period != time.Minute || got.Jitter != 30*time.Second {
		t.Errorf("the flag does not go before the settings: %+v", got)
	}
}
