package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/engine/guard"
)

// engines are the libraries whose version decides what a render looks like.
var engines = map[string]string{
	"helm.sh/helm/v3":              "helm",
	"sigs.k8s.io/kustomize/api":    "kustomize api",
	"github.com/google/go-jsonnet": "jsonnet",
	"k8s.io/apimachinery":          "kubernetes libraries",
}

// buildVersions are what a bug report names.
type buildVersions struct {
	Slipway  string `json:"slipway"`
	Commit   string `json:"commit,omitempty"` // with "+dirty" where it was built from more than that
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Kubernetes is the release whose schemas and lists of removed versions are built in.
	Kubernetes string    `json:"kubernetes"`
	Engines    []library `json:"engines"`
}

type library struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of Slipway and of what it renders with",
		Example: "  slipway version\n  slipway version -o json | jq -r .slipway",
		Args:    arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := choices(cmd, "output", output, "text", "json"); err != nil {
				return err
			}
			v := ourVersions()
			if output == "json" {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(v)
			}
			return v.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	completes(cmd, "output", "text", "json")
	return cmd
}

func ourVersions() buildVersions {
	v := buildVersions{Slipway: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Kubernetes: guard.KubernetesVersion, Engines: []library{}}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	dirty := ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if v.Commit != "" {
		v.Commit += dirty
	}
	for _, dep := range build.Deps {
		if name := engines[dep.Path]; name != "" {
			v.Engines = append(v.Engines, library{name, dep.Version})
		}
	}
	return v
}

func (v buildVersions) print(out io.Writer) error {
	commit := ""
	if v.Commit != "" {
		commit = "commit " + v.Commit + ", "
	}
	_, err := fmt.Fprintf(out, "slipway %s (%s%s, %s)\n", v.Slipway, commit, v.Go, v.Platform)
	for _, e := range v.Engines {
		fmt.Fprintf(out, "%s %s\n", e.Name, e.Version)
	}
	fmt.Fprintf(out, "schemas of kubernetes %s\n", v.Kubernetes)
	return err
}
