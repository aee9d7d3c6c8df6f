// Command slipway delivers to Kubernetes from pull requests: it serves as a GitHub App and GitLab bot, reconciles Argo CD's
// resources, and prints on a laptop what a pull request would change.
//
// Each verb is a file here. This package wires and exits; it decides nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // sync windows name time zones, and a minimal image has none

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "slipway:", err)
		os.Exit(1)
	}
}

// exitCode ends the program with a code and nothing more to say.
type exitCode int

// Error gives the number.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "slipway",
		Short:         "Delivers to Kubernetes from pull requests",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(serveCommand(), diffCommand(), renderCommand(), appsetCommand(), policyCommand(), rbacCommand(), sandboxCommand(), versionCommand(), setupCommand(), workerCommand())
	return cmd
}
