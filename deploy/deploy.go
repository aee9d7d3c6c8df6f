// Package deploy holds the manifests that install Slipway: the custom resource
// definitions and the base overlay, as files for kubectl and Kustomize, and
// embedded, so that one binary can set up a cluster without a checkout.
package deploy

//go:generate go test . -run TestCRDsAreThoseOfTheTypes -count=1 -update

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml base/*.yaml cluster-read/*.yaml cluster-admin/*.yaml cluster-impersonate/*.yaml application-namespaces/*.yaml applicationset-namespaces/*.yaml first-run/*.yaml example/*.yaml
var files embed.FS

// Files are the manifests as they lie in this folder: crds, base, cluster-read,
// cluster-admin, cluster-impersonate, application-namespaces,
// applicationset-namespaces, first-run and example, each with a kustomization.yaml.
func Files() fs.FS {
	return files
}

// CRDs returns the definitions of the resources that Slipway reads and writes,
// in the order of their names. They are fresh copies. Whoever installs them
// leaves definitions of argoproj.io alone that are there already: they are
// Argo CD's.
func CRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := files.ReadDir("crds")
	if err != nil {
		return nil, fmt.Errorf("listing custom resource definitions: %w", err)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, e := range entries {
		if e.Name() == "kustomization.yaml" {
			continue
		}
		crd, err := readCRD(path.Join("crds", e.Name()))
		if err != nil {
			return nil, err
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

func readCRD(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, crd); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", name, err)
	}
	return crd, nil
}
