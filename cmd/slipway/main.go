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
	"strings"
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
	if err != nil && !errors.As(err, &code) {
		fmt.Fprintln(plainly{os.Stderr}, "slipway:", strings.TrimSpace(err.Error()))
	}
	os.Exit(status(err))
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "slipway",
		Short: "Delivers to Kubernetes from pull requests",
		Long: `Slipway delivers to Kubernetes from pull requests. "slipway serve" is the GitHub App, the GitLab bot and the engine; all other verbs work
on a laptop.

Every verb ends with exit code 0 when all is well, 1 when the answer is no (a mistake in what was looked at, something that is not
allowed), and 2 when there is no answer (a wrong command line, a file that cannot be read, a cluster out of reach).`,
		Example: `  slipway diff main                       what this branch changes, in every application
  slipway render web-prod                 what the server would apply
  slipway policy explain                  what .slipway.yaml asks for
  source <(slipway completion bash)       completion in this shell; zsh, fish and powershell too`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetErr(plainly{os.Stderr})
	cmd.SetVersionTemplate("slipway {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(cmd, "%v", err) })
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), "Flags.FlagUsages |", fmt.Sprintf("Flags.FlagUsagesWrapped %d |", helpWidth)))
	cmd.AddCommand(serveCommand(), diffCommand(), renderCommand(), appsetCommand(), policyCommand(), rbacCommand(), sandboxCommand(), versionCommand(), setupCommand(), workerCommand())
	return cmd
}
