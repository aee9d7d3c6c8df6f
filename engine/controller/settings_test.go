package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

func TestOnlyNewsOfTheSettingsBringsAllApplications(t *testing.T) {
	configMap := func(namespace, name, flags string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string]string{"kustomize.buildOptions": flags}}
	}
	p := settingsChanged("argocd")
	now := configMap("argocd", "argocd-cm", "--enable-helm")
	for name, c := range map[string]struct{ got, want bool }{
		"another value":      {p.Update(event.UpdateEvent{ObjectOld: configMap("argocd", "argocd-cm", ""), ObjectNew: now}), true},
		"the same values":    {p.Update(event.UpdateEvent{ObjectOld: configMap("argocd", "argocd-cm", "--enable-helm"), ObjectNew: now}), false},
		"another ConfigMap":  {p.Update(event.UpdateEvent{ObjectOld: configMap("argocd", "x", ""), ObjectNew: configMap("argocd", "x", "y")}), false},
		"another namespace":  {p.Update(event.UpdateEvent{ObjectOld: configMap("x", "argocd-cm", ""), ObjectNew: configMap("x", "argocd-cm", "y")}), false},
		"made":               {p.Create(event.CreateEvent{Object: now}), true},
		"there at the start": {p.Create(event.CreateEvent{Object: now, IsInInitialList: true}), false},
		"gone":               {p.Delete(event.DeleteEvent{Object: now}), true},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}
