package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-cd/slipway/engine/object"
)

// The codes that every verb ends with, beside 0: scripts tell by them an answer from no answer.
const (
	exitNo    = 1 // the answer is no: a mistake in what was looked at, something that is not allowed
	exitWrong = 2 // there is no answer: a wrong command line, a file that cannot be read, a cluster out of reach
)

// exitCode ends the program with a code and nothing more to say.
type exitCode int

// Error gives the number.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// negative is an answer, and it is no.
type negative struct{ error }

// Unwrap gives what was found.
func (n negative) Unwrap() error { return n.error }

// status is the code that an error ends the program with.
func status(err error) int {
	var code exitCode
	var no negative
	var fault *object.Fault
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &no), errors.As(err, &fault):
		return exitNo
	}
	return exitWrong
}

// misused says what is wrong with a command line, and how it is meant.
func misused(cmd *cobra.Command, format string, args ...any) error {
	return fmt.Errorf("%s\nUsage: %s\n%s --help says more", fmt.Sprintf(format, args...), cmd.UseLine(), cmd.CommandPath())
}

// arguments has a verb take as many arguments as its Use names: NAME is needed, [NAME] is not, and after "..." any number may follow.
func arguments(cmd *cobra.Command, args []string) error {
	var needed, known []string
	for _, name := range strings.Fields(cmd.Use)[1:] {
		if strings.HasPrefix(name, "-") {
			break // how an option is given, for example
		}
		if known = append(known, name); !strings.HasPrefix(name, "[") {
			needed = append(needed, name)
		}
	}
	switch {
	case len(args) < len(needed):
		return misused(cmd, "%s is missing", strings.Join(needed[len(args):], " "))
	case len(args) > len(known) && !strings.Contains(cmd.Use, "..."):
		return misused(cmd, "unexpected argument %q", args[len(known)])
	}
	return nil
}

// family is a verb that only has others below it. Without one of them it says which there are.
func family(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, DisableFlagsInUseLine: true}
	var names []string
	for _, v := range verbs {
		names = append(names, v.Name())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return fmt.Errorf("there is no %q in %s: %s", args[0], cmd.CommandPath(), strings.Join(names, ", "))
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// choices refuses a value of an option that is none of those that there are.
func choices(cmd *cobra.Command, option, value string, all ...string) error {
	for _, one := range all {
		if one == value {
			return nil
		}
	}
	return misused(cmd, "--%s %q: %s or %s", option, value, strings.Join(all[:len(all)-1], ", "), all[len(all)-1])
}

// completes offers the values of an option in shells.
func completes(cmd *cobra.Command, option string, values ...string) {
	// The option is there: it was defined before.
	_ = cmd.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// helpWidth is where the lines of a help page are broken.
const helpWidth = 130

// section is a part of a long list of options.
type section struct {
	title  string
	define func(*pflag.FlagSet)
}

// sections gives a verb options, and a help page on which they stand under their titles, in the order in which they were defined.
func sections(cmd *cobra.Command, all []section) {
	sets := make([]*pflag.FlagSet, len(all))
	for i, s := range all {
		sets[i] = pflag.NewFlagSet(s.title, pflag.ContinueOnError)
		sets[i].SortFlags = false
		s.define(sets[i])
		cmd.Flags().AddFlagSet(sets[i])
	}
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		out := cmd.OutOrStderr()
		fmt.Fprintf(out, "Usage:\n  %s\n", cmd.UseLine())
		if cmd.HasExample() {
			fmt.Fprintf(out, "\nExamples:\n%s\n", cmd.Example)
		}
		for i, s := range all {
			fmt.Fprintf(out, "\n%s:\n%s", s.title, sets[i].FlagUsagesWrapped(helpWidth))
		}
		return nil
	})
}

// missing is an error of a file that is not there, with what to do about it.
func missing(err error, hint string) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}
