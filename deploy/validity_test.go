package deploy

import (
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/yaml"
)

// The size that etcd takes in one request, less what the API server adds.
const largestStored = 1 << 20

func TestCRDsAreAcceptedByTheAPIServer(t *testing.T) {
	crds, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		t.Run(crd.Name, func(t *testing.T) {
			apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
			apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
			internal := &apiextensions.CustomResourceDefinition{}
			if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
				t.Fatal(err)
			}
			internal.Status.StoredVersions = []string{"v1alpha1"}
			if errs := validation.ValidateCustomResourceDefinition(t.Context(), internal); len(errs) > 0 {
				t.Error(errs)
			}
			text, err := yaml.Marshal(crd)
			if err != nil {
				t.Fatal(err)
			}
			stored, err := yaml.YAMLToJSON(text)
			if err != nil {
				t.Fatal(err)
			}
			if len(stored) > largestStored {
				t.Errorf("%d bytes: too large to be stored", len(stored))
			}
		})
	}
}

// TestFacesOfTheResources holds what people and tools type and see.
func TestFacesOfTheResources(t *testing.T) {
	want := map[string]struct {
		shortName string
		status    bool
		columns   []string
	}{
		"applications.argoproj.io":    {"app", false, []string{"Sync Status", "Health Status", "Revision", "Project"}},
		"applicationsets.argoproj.io": {"appset", true, nil},
		"appprojects.argoproj.io":     {"appproj", false, nil},
		"pullrequests.slipway.dev":    {"slpr", true, []string{"Repository", "Number", "State", "Head", "Trusted", "Check", "Age"}},
		"repositories.slipway.dev":    {"slrepo", true, nil},
		"locks.slipway.dev":           {"sllock", true, nil},
	}
	crds, err := CRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range crds {
		face, version := want[crd.Name], crd.Spec.Versions[0]
		if have := crd.Spec.Names.ShortNames[0]; have != face.shortName {
			t.Errorf("%s: short name %s, want %s", crd.Name, have, face.shortName)
		}
		if have := version.Subresources != nil && version.Subresources.Status != nil; have != face.status {
			t.Errorf("%s: status subresource %v, want %v", crd.Name, have, face.status)
		}
		keep := version.Schema.OpenAPIV3Schema.Properties["spec"].XPreserveUnknownFields
		if crd.Spec.Group == "argoproj.io" && (keep == nil || !*keep) {
			t.Errorf("%s: unknown fields under spec are dropped", crd.Name)
		}
		columns := map[string]bool{}
		for _, c := range version.AdditionalPrinterColumns {
			columns[c.Name] = true
		}
		for _, c := range face.columns {
			if !columns[c] {
				t.Errorf("%s: no column %s", crd.Name, c)
			}
		}
	}
}
