package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/engine/render"
)

// workerCommand is what the server starts to render in: it reads requests from standard input and answers on standard output.
func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "render-worker",
		Short:  "Render what a parent process asks for",
		Hidden: true,
		Args:   arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return render.Worker(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
}
