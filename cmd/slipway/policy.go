package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/engine/rbac"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/forge"
)

func policyCommand() *cobra.Command {
	return family("policy", "Check and explain a "+policy.File, policyExplainCommand(), policySchemaCommand())
}

func policyExplainCommand() *cobra.Command {
	var rights string
	cmd := &cobra.Command{
		Use:   "explain [FILE] [ENVIRONMENT ...]",
		Short: "Say what a policy asks for in each environment, or what is wrong with it",
		Long: "Says what a policy asks of a command in each environment, or in those that are named. The file is " + policy.File + " in the\n" +
			"working folder unless one is named, or - for standard input. A fault is told with its line, and ends with exit code 1.",
		Example: "  slipway policy explain\n" +
			"  slipway policy explain .slipway.yaml prod --rbac-file argocd-rbac-cm.yaml\n" +
			"  git show origin/main:" + policy.File + " | slipway policy explain -",
		RunE: func(cmd *cobra.Command, args []string) error {
			file, environments := policy.File, args
			if len(args) > 0 {
				file, environments = args[0], args[1:]
			}
			content, err := readPolicyFile(file, cmd.InOrStdin())
			if err != nil {
				return missing(err, "name a FILE, or change to the root of the repository (without a policy, /sync is for the time after the merge and for whoever may write)")
			}
			p, fault := policy.Decode(content)
			if fault != nil {
				fault.File = file
				return fault
			}
			return explain(cmd, p, environments, rights)
		},
	}
	cmd.Flags().StringVar(&rights, "rbac-file", "", "policy.csv, or "+settings.RBACName+" as YAML: say too what it asks of who gives a command")
	return cmd
}

// readPolicyFile reads what may become a policy, and no more than that.
func readPolicyFile(name string, in io.Reader) ([]byte, error) {
	const most = 1 << 20
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, most))
}

// rightsRule is what a policy.csv asks for, in any environment.
func rightsRule(cmd *cobra.Command, file string) (policy.Rule, error) {
	from, err := (&rbacSource{file: file, builtin: true}).load(cmd.Context(), cmd)
	if err != nil {
		return policy.Rule{}, err
	}
	e, err := rbac.New(from.settings)
	if err != nil {
		return policy.Rule{}, err
	}
	names := append(policy.ForgeNames(forge.GitHub, e.Names()), policy.ForgeNames(forge.GitLab, e.Names())...)
	if len(names) == 0 {
		return policy.Rule{Name: "policy.csv", Text: "asks nothing: it speaks of no account or team of a forge"}, nil
	}
	return policy.Rule{Name: "policy.csv", Text: "lets them sync the application; it speaks of " + strings.Join(names, ", ")}, nil
}

func explain(cmd *cobra.Command, p policy.Policy, environments []string, rights string) error {
	out := cmd.OutOrStdout()
	var always []policy.Rule
	if rights != "" {
		rule, err := rightsRule(cmd, rights)
		if err != nil {
			return err
		}
		always = append(always, rule)
	}
	if len(environments) == 0 {
		for _, e := range p.Environments {
			environments = append(environments, e.Name)
		}
	}
	if len(environments) == 0 {
		if _, err := fmt.Fprintln(out, "No environment is named. Of all applications it asks:"); err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, r := range p.Explain("") {
			fmt.Fprintf(w, "  %s\t%s\n", r.Name, r.Text)
		}
		return w.Flush()
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, name := range environments {
		if !slices.ContainsFunc(p.Environments, func(e policy.Environment) bool { return e.Name == name }) {
			return fmt.Errorf("there is no environment %q in the policy: it has %s", name, named(p))
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, name)
		for _, r := range append(p.Explain(name), always...) {
			fmt.Fprintf(w, "  %s\t%s\n", r.Name, r.Text)
		}
	}
	return w.Flush()
}

// named are the environments of a policy, for who asked for another.
func named(p policy.Policy) string {
	var names []string
	for _, e := range p.Environments {
		names = append(names, e.Name)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func policySchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of " + policy.File + ", for editors",
		Example: "  slipway policy schema > slipway.schema.json    # then, as the first line of " + policy.File + ":\n                                                 # yaml-language-server: $schema=slipway.schema.json",
		Args:    arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(policy.Schema)
			return err
		},
	}
}
