package settings

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// GlobalProject says that the AppProjects whose labels a selector takes inherit from one: an entry of globalProjects in argocd-cm.
type GlobalProject struct {
	ProjectName   string               `json:"projectName"`
	LabelSelector metav1.LabelSelector `json:"labelSelector"`
}

// globalProjects reads the entries; those without a project, or with a selector that cannot be read, are left out and told.
func globalProjects(text string) ([]GlobalProject, []error) {
	var all, out []GlobalProject
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		return nil, []error{fmt.Errorf("%s: globalProjects: %w", ConfigMapName, err)}
	}
	var errs []error
	for i, g := range all {
		_, err := metav1.LabelSelectorAsSelector(&g.LabelSelector)
		switch {
		case g.ProjectName == "":
			errs = append(errs, fmt.Errorf("%s: globalProjects: entry %d has no projectName", ConfigMapName, i+1))
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: globalProjects: %s: %w", ConfigMapName, g.ProjectName, err))
		default:
			out = append(out, g)
		}
	}
	return out, errs
}
