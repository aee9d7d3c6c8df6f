package settings

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestGlobalProjects(t *testing.T) {
	read := func(text string) (Settings, []error) {
		return Decode([]corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: ConfigMapName}, Data: map[string]string{"globalProjects": text}}}, nil)
	}
	s, errs := read("- labelSelector:\n    matchExpressions:\n    - {key: opt, operator: In, values: [prod]}\n  projectName: base\n- labelSelector: {matchLabels: {a: b}}\n" +
		"- projectName: bad\n  labelSelector: {matchExpressions: [{key: a, operator: Near}]}\n- projectName: all\n")
	if len(s.GlobalProjects) != 2 || s.GlobalProjects[0].ProjectName != "base" || s.GlobalProjects[0].LabelSelector.MatchExpressions[0].Key != "opt" || s.GlobalProjects[1].ProjectName != "all" {
		t.Errorf("read %+v", s.GlobalProjects)
	}
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), "entry 2 has no projectName") || !strings.Contains(errs[1].Error(), "globalProjects: bad") {
		t.Errorf("errors: %v", errs)
	}
	if s, errs := read("base: yes"); len(s.GlobalProjects) != 0 || len(errs) != 1 {
		t.Errorf("what is no list: %v %v", s.GlobalProjects, errs)
	}
}
