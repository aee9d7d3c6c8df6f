package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ApplicationSources is an ordered list of sources.
type ApplicationSources []ApplicationSource

// ApplicationSource says where manifests lie and how they are rendered. At most
// one of helm, kustomize, directory and plugin may be set.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSource struct {
	// RepoURL is a Git repository, a Helm repository or, with the prefix oci://,
	// an OCI artifact.
	RepoURL string `json:"repoURL"`
	// Path is a directory in the repository or artifact, relative to its root.
	// It excludes chart.
	Path string `json:"path,omitempty"`
	// TargetRevision is, for Git, a branch, tag, full ref, SHA or a semver
	// constraint over tags (empty means HEAD); for Helm, a version or a
	// constraint; for OCI, a tag, a digest or a constraint.
	TargetRevision string `json:"targetRevision,omitempty"`
	// Helm holds the options of a chart.
	Helm *ApplicationSourceHelm `json:"helm,omitempty"`
	// Kustomize holds the options of a kustomization.
	Kustomize *ApplicationSourceKustomize `json:"kustomize,omitempty"`
	// Directory holds the options of plain manifests and Jsonnet.
	Directory *ApplicationSourceDirectory `json:"directory,omitempty"`
	// Plugin holds the options of a config management plugin.
	Plugin *ApplicationSourcePlugin `json:"plugin,omitempty"`
	// Chart is the name of a chart in a Helm repository.
	Chart string `json:"chart,omitempty"`
	// Ref is a name by which value files of other sources reach into this one,
	// as $name/path.
	Ref string `json:"ref,omitempty"`
	// Name tells sources of one application apart for people.
	Name string `json:"name,omitempty"`
	// TagPrefix limits a semver constraint to Git tags that begin so; it is cut
	// off before versions are compared.
	TagPrefix string `json:"tagPrefix,omitempty"`
}

// ApplicationSourceHelm holds the options with which a chart is rendered.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSourceHelm struct {
	// ValueFiles are files relative to the chart, from the repository's root
	// with a leading slash, or of another source as $ref/path; globs work.
	ValueFiles []string `json:"valueFiles,omitempty"`
	// Parameters are single values, stronger than files and values.
	Parameters []HelmParameter `json:"parameters,omitempty"`
	// ReleaseName is the name of the release; the application's name if empty.
	ReleaseName string `json:"releaseName,omitempty"`
	// Values is a YAML document of values. It is ignored beside valuesObject.
	Values string `json:"values,omitempty"`
	// FileParameters are single values, each the content of a file.
	FileParameters []HelmFileParameter `json:"fileParameters,omitempty"`
	// Version is "v3", "v4" or empty. All mean the built-in Helm.
	Version string `json:"version,omitempty"`
	// PassCredentials sends the repository's credentials to other hosts too.
	PassCredentials bool `json:"passCredentials,omitempty"`
	// IgnoreMissingValueFiles skips value files that do not exist.
	IgnoreMissingValueFiles bool `json:"ignoreMissingValueFiles,omitempty"`
	// SkipCrds leaves out the chart's crds directory.
	SkipCrds bool `json:"skipCrds,omitempty"`
	// ValuesObject holds values as an object. It wins over values.
	// +kubebuilder:pruning:PreserveUnknownFields
	ValuesObject *runtime.RawExtension `json:"valuesObject,omitempty"`
	// Namespace is the release's namespace; the destination's if empty.
	Namespace string `json:"namespace,omitempty"`
	// KubeVersion is the Kubernetes version shown to templates; the
	// destination's if empty.
	KubeVersion string `json:"kubeVersion,omitempty"`
	// APIVersions are the API versions shown to templates, each
	// [group/]version/kind; the destination's if empty.
	APIVersions []string `json:"apiVersions,omitempty"`
	// SkipTests leaves out test manifests.
	SkipTests bool `json:"skipTests,omitempty"`
	// SkipSchemaValidation does not hold values against values.schema.json.
	SkipSchemaValidation bool `json:"skipSchemaValidation,omitempty"`
}

// HelmParameter is one value of a chart.
//
// +kubebuilder:pruning:PreserveUnknownFields
type HelmParameter struct {
	// Name is the value's path, as helm's --set writes it.
	Name string `json:"name,omitempty"`
	// Value is the value.
	Value string `json:"value,omitempty"`
	// ForceString keeps numbers and booleans strings.
	ForceString bool `json:"forceString,omitempty"`
}

// HelmFileParameter is one value of a chart, read from a file.
//
// +kubebuilder:pruning:PreserveUnknownFields
type HelmFileParameter struct {
	// Name is the value's path, as helm's --set-file writes it.
	Name string `json:"name,omitempty"`
	// Path is the file.
	Path string `json:"path,omitempty"`
}

// ApplicationSourceKustomize holds edits made to a kustomization before it is
// built.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSourceKustomize struct {
	// NamePrefix is put before every name.
	NamePrefix string `json:"namePrefix,omitempty"`
	// NameSuffix is put after every name.
	NameSuffix string `json:"nameSuffix,omitempty"`
	// Images are overrides, each [old=]new[:tag|@digest].
	Images KustomizeImages `json:"images,omitempty"`
	// CommonLabels are put on every object.
	CommonLabels map[string]string `json:"commonLabels,omitempty"`
	// Version names one of the installed Kustomize versions.
	Version string `json:"version,omitempty"`
	// CommonAnnotations are put on every object.
	CommonAnnotations map[string]string `json:"commonAnnotations,omitempty"`
	// ForceCommonLabels overrides labels that the kustomization sets.
	ForceCommonLabels bool `json:"forceCommonLabels,omitempty"`
	// ForceCommonAnnotations overrides annotations that the kustomization sets.
	ForceCommonAnnotations bool `json:"forceCommonAnnotations,omitempty"`
	// Namespace is given to every object.
	Namespace string `json:"namespace,omitempty"`
	// CommonAnnotationsEnvsubst replaces build variables in annotation values.
	CommonAnnotationsEnvsubst bool `json:"commonAnnotationsEnvsubst,omitempty"`
	// Replicas are overrides of replica counts.
	Replicas KustomizeReplicas `json:"replicas,omitempty"`
	// Patches are added to the kustomization.
	Patches KustomizePatches `json:"patches,omitempty"`
	// Components are added to the kustomization.
	Components []string `json:"components,omitempty"`
	// IgnoreMissingComponents skips components that do not exist.
	IgnoreMissingComponents bool `json:"ignoreMissingComponents,omitempty"`
	// LabelWithoutSelector keeps common labels out of selectors.
	LabelWithoutSelector bool `json:"labelWithoutSelector,omitempty"`
	// KubeVersion is the Kubernetes version shown to charts; the destination's
	// if empty.
	KubeVersion string `json:"kubeVersion,omitempty"`
	// APIVersions are the API versions shown to charts, each
	// [group/]version/kind; the destination's if empty.
	APIVersions []string `json:"apiVersions,omitempty"`
	// LabelIncludeTemplates puts common labels on pod templates too.
	LabelIncludeTemplates bool `json:"labelIncludeTemplates,omitempty"`
}

// KustomizeImage is an override of an image: [old=]new[:tag|@digest].
type KustomizeImage string

// KustomizeImages is a list of image overrides.
type KustomizeImages []KustomizeImage

// KustomizeReplicas is a list of replica counts.
type KustomizeReplicas []KustomizeReplica

// KustomizePatches is a list of patches.
type KustomizePatches []KustomizePatch

// KustomizeReplica overrides the replica count of a workload.
//
// +kubebuilder:pruning:PreserveUnknownFields
type KustomizeReplica struct {
	// Name of the Deployment, StatefulSet or ReplicaSet.
	Name string `json:"name"`
	// Count is the number of replicas, or a string that becomes one.
	Count intstr.IntOrString `json:"count"`
}

// KustomizePatch is a patch, inline or in a file, and the objects it is for.
//
// +kubebuilder:pruning:PreserveUnknownFields
type KustomizePatch struct {
	// Path is a file with the patch.
	Path string `json:"path,omitempty"`
	// Patch is the patch itself: strategic merge or JSON 6902.
	Patch string `json:"patch,omitempty"`
	// Target selects objects; absent, the patch names its object itself.
	Target *KustomizeSelector `json:"target,omitempty"`
	// Options such as allowNameChange.
	Options map[string]bool `json:"options,omitempty"`
}

// KustomizeSelector selects objects; empty fields match all, and names may be
// regular expressions.
//
// +kubebuilder:pruning:PreserveUnknownFields
type KustomizeSelector struct {
	// Group of the objects.
	Group string `json:"group,omitempty"`
	// Version of the objects.
	Version string `json:"version,omitempty"`
	// Kind of the objects.
	Kind string `json:"kind,omitempty"`
	// Name of the objects.
	Name string `json:"name,omitempty"`
	// Namespace of the objects.
	Namespace string `json:"namespace,omitempty"`
	// AnnotationSelector as kubectl writes label selectors.
	AnnotationSelector string `json:"annotationSelector,omitempty"`
	// LabelSelector as kubectl writes it.
	LabelSelector string `json:"labelSelector,omitempty"`
}

// ApplicationSourceDirectory holds the options of plain manifests and Jsonnet.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSourceDirectory struct {
	// Recurse reads subdirectories too.
	Recurse bool `json:"recurse,omitempty"`
	// Jsonnet holds the options of Jsonnet files.
	Jsonnet ApplicationSourceJsonnet `json:"jsonnet,omitempty,omitzero"`
	// Exclude is a glob of files that are not read.
	Exclude string `json:"exclude,omitempty"`
	// Include is a glob outside of which no file is read.
	Include string `json:"include,omitempty"`
	// DisableExtensionFilter reads files of any extension, not only .yaml, .yml,
	// .json and .jsonnet.
	DisableExtensionFilter bool `json:"disableExtensionFilter,omitempty"`
}

// ApplicationSourceJsonnet holds the options of Jsonnet files.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSourceJsonnet struct {
	// ExtVars are external variables.
	ExtVars []JsonnetVar `json:"extVars,omitempty"`
	// TLAs are top-level arguments.
	TLAs []JsonnetVar `json:"tlas,omitempty"`
	// Libs are library directories, relative to the repository's root.
	Libs []string `json:"libs,omitempty"`
}

// JsonnetVar is a variable given to Jsonnet.
//
// +kubebuilder:pruning:PreserveUnknownFields
type JsonnetVar struct {
	// Name of the variable.
	Name string `json:"name"`
	// Value of the variable.
	Value string `json:"value"`
	// Code says that the value is an expression, not a string.
	Code bool `json:"code,omitempty"`
}

// ApplicationSourcePlugin names a config management plugin and its input.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSourcePlugin struct {
	// Name of the plugin; empty asks each plugin whether it fits.
	Name string `json:"name,omitempty"`
	// Env are environment variables for the plugin.
	Env Env `json:"env,omitempty"`
	// Parameters are what the plugin announced that it takes.
	Parameters ApplicationSourcePluginParameters `json:"parameters,omitempty"`
}

// Env is a list of environment variables.
type Env []EnvEntry

// EnvEntry is an environment variable.
//
// +kubebuilder:pruning:PreserveUnknownFields
type EnvEntry struct {
	// Name of the variable.
	Name string `json:"name"`
	// Value of the variable.
	Value string `json:"value"`
}

// ApplicationSourcePluginParameters is a list of plugin parameters.
type ApplicationSourcePluginParameters []ApplicationSourcePluginParameter

// ApplicationSourcePluginParameter is a parameter in one of three shapes. A map
// or array that is present and empty is not the same as an absent one.
//
// +kubebuilder:pruning:PreserveUnknownFields
type ApplicationSourcePluginParameter struct {
	// Name of the parameter.
	Name string `json:"name,omitempty"`
	// String is the value of a string parameter.
	String *string `json:"string,omitempty"`
	// Map is the value of a map parameter.
	// +optional
	Map map[string]string `json:"map,omitzero"`
	// Array is the value of a list parameter.
	// +optional
	Array []string `json:"array,omitzero"`
}

// SourceHydrator has manifests rendered from one place, pushed to another and
// synced from there.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SourceHydrator struct {
	// DrySource is what is rendered.
	DrySource DrySource `json:"drySource"`
	// SyncSource is where rendered manifests are synced from.
	SyncSource SyncSource `json:"syncSource"`
	// HydrateTo is a branch to push to when it is not the one synced from.
	HydrateTo *HydrateTo `json:"hydrateTo,omitempty"`
}

// DrySource is what a hydrator renders.
//
// +kubebuilder:pruning:PreserveUnknownFields
type DrySource struct {
	// RepoURL of the Git repository.
	RepoURL string `json:"repoURL"`
	// TargetRevision to render.
	TargetRevision string `json:"targetRevision"`
	// Path of the directory.
	Path string `json:"path"`
	// Helm holds the options of a chart.
	Helm *ApplicationSourceHelm `json:"helm,omitempty"`
	// Kustomize holds the options of a kustomization.
	Kustomize *ApplicationSourceKustomize `json:"kustomize,omitempty"`
	// Directory holds the options of plain manifests and Jsonnet.
	Directory *ApplicationSourceDirectory `json:"directory,omitempty"`
	// Plugin holds the options of a config management plugin.
	Plugin *ApplicationSourcePlugin `json:"plugin,omitempty"`
}

// SyncSource is where hydrated manifests are synced from.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SyncSource struct {
	// TargetBranch holds the manifests.
	TargetBranch string `json:"targetBranch"`
	// Path of the directory; never the repository's root.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^.{2,}|[^./]$`
	Path string `json:"path"`
	// RepoURL of the Git repository; the dry source's if empty.
	RepoURL string `json:"repoURL,omitempty"`
}

// HydrateTo is a branch to which a hydrator pushes.
//
// +kubebuilder:pruning:PreserveUnknownFields
type HydrateTo struct {
	// TargetBranch is pushed to.
	TargetBranch string `json:"targetBranch"`
}

// IsHelm reports whether the source is a chart of a Helm repository.
func (s *ApplicationSource) IsHelm() bool {
	return s.Chart != ""
}

// Source returns the hydrated manifests as a plain source, which is what the
// controller syncs.
func (h *SourceHydrator) Source() ApplicationSource {
	repo := h.SyncSource.RepoURL
	if repo == "" {
		repo = h.DrySource.RepoURL
	}
	return ApplicationSource{
		RepoURL:        repo,
		Path:           h.SyncSource.Path,
		TargetRevision: h.SyncSource.TargetBranch,
	}
}
