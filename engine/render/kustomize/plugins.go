package kustomize

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	syaml "sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// settings looks through the configuration of generators and transformers, which kustomize would read files by. Charts among generators
// are rendered and taken out; it yields whether nothing is left.
func (k *kustomization) settings(ctx context.Context, entry *yaml.Node, name string, text []byte) (empty bool, err error) {
	docs := manifest.Split(manifest.Plain(text))
	var charts []chart
	var rest []string
	for _, d := range docs {
		config, err := unfolded(d.Text)
		if err != nil || config == nil {
			return false, nil // the build says what is wrong with it
		}
		if kind, of := field(config, "kind"), field(config, "apiVersion"); name == "generators" && kind != nil && kind.Value == inflator && of != nil && of.Value == konfig.BuiltinPluginApiVersion {
			c, err := k.inflation(entry, d.Text)
			if err != nil {
				return false, err
			}
			charts = append(charts, c)
			continue
		}
		rest = append(rest, string(d.Text))
		if err := k.reaches(entry, name, config); err != nil {
			return false, err
		}
	}
	if len(charts) == 0 {
		return false, nil
	}
	if err := k.inflateAll(ctx, charts); err != nil {
		return false, err
	}
	if len(rest) > 0 {
		base := fmt.Sprintf("%s-%d.yaml", fetchedDir, len(k.survey.made)+1)
		k.survey.put(path.Join(k.dir, base), []byte(strings.Join(rest, "\n---\n")))
		k.rewrite(entry, base)
	}
	k.changed = true
	return len(rest) == 0, nil
}

// inflator is the kind of a generator that renders a chart, as it was written before helmCharts was there.
const inflator = "HelmChartInflationGenerator"

// inflation reads a generator that renders a chart. It has only the namespace that it says itself.
func (k *kustomization) inflation(entry *yaml.Node, text []byte) (chart, error) {
	var config struct {
		types.HelmGlobals
		types.HelmChart
	}
	if err := syaml.Unmarshal(text, &config); err != nil {
		return chart{}, k.at(entry, "generators", "the generator cannot be read: "+err.Error(), "")
	}
	return chart{HelmChart: config.HelmChart, globals: config.HelmGlobals, entry: entry, field: "generators"}, nil
}

// fileKeys are those by which kustomize's own plugins name files, in lower case.
var fileKeys = []string{"path", "paths", "files", "file", "envs", "env", "valuesfile", "additionalvaluesfiles"}

// reaches refuses a plugin's configuration that names what is not in its own repository.
func (k *kustomization) reaches(entry *yaml.Node, name string, config *yaml.Node) error {
	if k.survey.repositoryOf(k.dir) == nil {
		return nil
	}
	return k.walk(entry, name, config, "")
}

func (k *kustomization) walk(entry *yaml.Node, name string, n *yaml.Node, key string) error {
	if n.Kind == yaml.ScalarNode {
		_, file, keyed := strings.Cut(n.Value, "=")
		if !keyed {
			file = n.Value
		}
		at := path.Join(k.dir, file)
		if _, inside := below(k.dir, at); slices.Contains(fileKeys, strings.ToLower(key)) && (path.IsAbs(file) || !inside) && !k.survey.restrict && !strings.Contains(file, "\n") {
			return k.at(entry, name, file+" is not in or below the folder of its kustomization, which was fetched", "")
		}
		return nil
	}
	for i, c := range n.Content {
		at := key
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			at = n.Content[i-1].Value
		}
		if err := k.walk(entry, name, c, at); err != nil {
			return err
		}
	}
	return nil
}
