package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// engines are the libraries whose version decides what a render looks like.
var engines = map[string]string{
	"helm.sh/helm/v3":              "helm",
	"sigs.k8s.io/kustomize/api":    "kustomize api",
	"github.com/google/go-jsonnet": "jsonnet",
	"k8s.io/apimachinery":          "kubernetes libraries",
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Slipway and of what it renders with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "slipway %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			build, ok := debug.ReadBuildInfo()
			if !ok {
				return nil
			}
			for _, dep := range build.Deps {
				if name := engines[dep.Path]; name != "" {
					fmt.Fprintf(out, "%s %s\n", name, dep.Version)
				}
			}
			return nil
		},
	}
}
