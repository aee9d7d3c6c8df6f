package change

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Bounds on the search for manifests, so that a tree cannot make it endless.
const (
	maxManifest = 1 << 20
	maxFiles    = 100_000
)

// Manifests are what a tree declares of Argo CD's resources.
type Manifests struct {
	Applications    []*argo.Application
	ApplicationSets []*argo.ApplicationSet
	// Settings are the ConfigMaps of an installation's settings, and SettingsFiles where each stands.
	Settings      []corev1.ConfigMap
	SettingsFiles []string
}

// Declared finds the Application and ApplicationSet manifests in a tree, and the settings, for a laptop that has no cluster to ask. Files that are
// not YAML, such as templates, are passed over; they are found when what renders them is rendered.
func Declared(tree fs.FS) (Manifests, error) {
	var m Manifests
	files := 0
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if files++; files > maxFiles {
			return fmt.Errorf("the tree has more than %d files", maxFiles)
		}
		if d.IsDir() && path.Base(name) == "templates" && there(tree, path.Join(path.Dir(name), "Chart.yaml")) {
			return fs.SkipDir // text of a chart, which says something else once it is rendered
		}
		if d.Type().IsRegular() && manifest(name) {
			return m.read(tree, name)
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("looking for applications: %w", err)
	}
	return m, nil
}

func there(tree fs.FS, name string) bool {
	_, err := fs.Stat(tree, name)
	return err == nil
}

func manifest(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func (m *Manifests) read(tree fs.FS, name string) error {
	info, err := fs.Stat(tree, name)
	if err != nil || info.Size() > maxManifest {
		return nil // a dangling link or a data file: neither declares an application
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	if !bytes.Contains(data, []byte("argoproj.io/v1alpha1")) && !bytes.Contains(data, []byte(settings.ConfigMapName)) {
		return nil
	}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := reader.Read()
		if err != nil {
			return nil //nolint:nilerr // the end of the file
		}
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		switch err := yaml.Unmarshal(doc, &kind); {
		case err != nil:
		case kind.APIVersion == "argoproj.io/v1alpha1":
			m.take(kind.Kind, doc)
		case kind.APIVersion == "v1" && kind.Kind == "ConfigMap":
			m.setting(doc, name)
		}
	}
}

func (m *Manifests) setting(doc []byte, file string) {
	var c corev1.ConfigMap
	if yaml.Unmarshal(doc, &c) == nil && c.Name == settings.ConfigMapName {
		m.Settings, m.SettingsFiles = append(m.Settings, c), append(m.SettingsFiles, file)
	}
}

func (m *Manifests) take(kind string, doc []byte) {
	switch kind {
	case "Application":
		app := new(argo.Application)
		if yaml.Unmarshal(doc, app) == nil && app.Name != "" {
			m.Applications = append(m.Applications, app)
		}
	case "ApplicationSet":
		set := new(argo.ApplicationSet)
		if yaml.Unmarshal(doc, set) == nil && set.Name != "" {
			m.ApplicationSets = append(m.ApplicationSets, set)
		}
	}
}
