package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/fixtures/sandbox"
)

func sandboxCommand() *cobra.Command {
	long := `Kubernetes clusters on this machine, for trying things: a real control plane, and nodes whose pods become Ready without running
anything. Several run side by side. They are built from Slipway's source, so this runs in a checkout of it, with Go installed.

A pod whose image tag is "broken" ends in ImagePullBackOff; the annotation sandbox.slipway.dev/exit-code: "1" on a pod template makes
its containers fail.`
	var name, dir string
	up := &cobra.Command{
		Use: "up", Short: "Start a cluster and print its kubeconfig's path", Args: arguments,
		Example: "  export KUBECONFIG=$(slipway sandbox up --name a)",
		RunE:    func(cmd *cobra.Command, _ []string) error { return runSandbox(cmd, dir, "up", "--name", name) },
	}
	down := &cobra.Command{
		Use: "down", Short: "End a cluster and remove all its files", Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSandbox(cmd, dir, "down", "--name", name) },
	}
	status := &cobra.Command{
		Use: "status", Short: "List the clusters that are up", Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSandbox(cmd, dir, "status") },
	}
	for _, c := range []*cobra.Command{up, down} {
		c.Flags().StringVar(&name, "name", "default", "the cluster's name")
	}
	cmd := family("sandbox", "Kubernetes clusters on this machine, for trying things", up, down, status)
	cmd.Long = long
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "where clusters are kept (default the user's cache folder)")
	return cmd
}

// runSandbox builds the cluster's program if that was not done yet, and runs it.
func runSandbox(cmd *cobra.Command, dir string, args ...string) error {
	program, err := sandbox.Build(cmd.Context(), "", cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if dir != "" {
		args = append(args, "--dir", dir)
	}
	run := exec.CommandContext(cmd.Context(), program, args...)
	run.Stdout, run.Stderr = os.Stdout, os.Stderr
	var failed *exec.ExitError
	if err := run.Run(); errors.As(err, &failed) {
		return exitCode(failed.ExitCode())
	} else if err != nil {
		return fmt.Errorf("running the sandbox cluster: %w", err)
	}
	return nil
}
