package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
