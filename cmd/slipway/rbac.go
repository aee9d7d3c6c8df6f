package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/rbac"
	"github.com/slipway-cd/slipway/engine/settings"
)

func rbacCommand() *cobra.Command {
	return family("rbac", "Try and check the rights that "+settings.RBACName+" and projects give", rbacCanCommand(), rbacValidateCommand())
}

// rbacSource is where rights are read from.
type rbacSource struct {
	file, namespace, kubeconfig string
	projects                    []string
	defaultRole                 string
	builtin                     bool
}

func (s *rbacSource) flags(f *pflag.FlagSet) {
	f.StringVar(&s.file, "policy-file", "", "a policy.csv, or "+settings.RBACName+" as YAML; - for standard input")
	f.StringVarP(&s.namespace, "namespace", "n", "", "read "+settings.RBACName+" and the projects from this namespace of the cluster")
	f.StringVar(&s.kubeconfig, "kubeconfig", "", "the way to that cluster (default the usual kubeconfig)")
	f.StringSliceVar(&s.projects, "project-file", nil, "an AppProject as YAML, whose roles count for requests about the project (repeatable)")
}

// rights are what was read: the installation's, and the projects by name.
type rights struct {
	settings rbac.Settings
	projects map[string]*argo.AppProject
}

// load reads the rights from the one place that is named.
func (s *rbacSource) load(ctx context.Context, cmd *cobra.Command) (rights, error) {
	out := rights{projects: map[string]*argo.AppProject{}}
	if (s.file == "") == (s.namespace == "") {
		return out, errors.New("name exactly one of --policy-file and --namespace")
	}
	var err error
	if s.file != "" {
		out.settings, err = s.fromFile(cmd)
	} else {
		err = s.fromCluster(ctx, &out)
	}
	if err != nil {
		return out, err
	}
	for _, name := range s.projects {
		data, err := os.ReadFile(name)
		if err != nil {
			return out, err
		}
		proj := &argo.AppProject{}
		if err := yaml.Unmarshal(data, proj); err != nil || proj.Name == "" {
			return out, fmt.Errorf("%s is no AppProject", name)
		}
		out.projects[proj.Name] = proj
	}
	if s.defaultRole != "" {
		out.settings.Default = s.defaultRole
	}
	out.settings.NoBuiltin = !s.builtin
	return out, nil
}

func (s *rbacSource) fromFile(cmd *cobra.Command) (rbac.Settings, error) {
	content, err := readPolicyFile(s.file, cmd.InOrStdin())
	if err != nil {
		return rbac.Settings{}, err
	}
	var m corev1.ConfigMap
	if yaml.Unmarshal(content, &m) != nil || m.Kind != "ConfigMap" && m.Data == nil {
		return rbac.Settings{Policy: string(content)}, nil
	}
	return decodeRights(m.Data)
}

func decodeRights(data map[string]string) (rbac.Settings, error) {
	r, err := settings.DecodeRBAC(data)
	return rightsOf(settings.Settings{RBAC: r}), err
}

// rightsOf are the rights that settings speak of.
func rightsOf(now settings.Settings) rbac.Settings {
	r := now.RBAC
	return rbac.Settings{Policy: r.Policy, Default: r.Default, MatchMode: r.MatchMode, Scopes: r.Scopes, Accounts: now.Accounts}
}

func (s *rbacSource) fromCluster(ctx context.Context, out *rights) error {
	cfg, err := kubeConfig(s.kubeconfig)
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	types, err := types()
	if err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{Scheme: types})
	if err != nil {
		return fmt.Errorf("reaching the cluster: %w", err)
	}
	var m corev1.ConfigMap
	if err := c.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: settings.RBACName}, &m); err != nil {
		return fmt.Errorf("reading %s in namespace %s: %w", settings.RBACName, s.namespace, err)
	}
	if out.settings, err = decodeRights(m.Data); err != nil {
		return err
	}
	var projects argo.AppProjectList
	if err := c.List(ctx, &projects, client.InNamespace(s.namespace)); err != nil {
		return fmt.Errorf("reading the projects in namespace %s: %w", s.namespace, err)
	}
	for i := range projects.Items {
		out.projects[projects.Items[i].Name] = &projects.Items[i]
	}
	return nil
}

func rbacCanCommand() *cobra.Command {
	var s rbacSource
	var strict, quiet bool
	var groups []string
	cmd := &cobra.Command{
		Use:   "can SUBJECT ACTION RESOURCE [OBJECT]",
		Short: "Say whether a role, user or group may do something, and by which line",
		Long: "Says Yes or No, and the line that decides; ends with exit code 0 or 1, and 2 where it cannot be told. RESOURCE may be short (app, proj, repo); an OBJECT that is\n" +
			"left out stands for all. Forge accounts are github:LOGIN and gitlab:LOGIN, their teams ORG:TEAM and GROUP/PATH.",
		Example: "  slipway rbac can role:deployer sync app shop/web --policy-file policy.csv\n" +
			"  slipway rbac can github:alice sync app shop/web --group acme:platform --namespace argocd",
		Args: arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			r := rbac.Request{Subject: args[0], Groups: groups, Action: args[1], Resource: rbac.Resource(args[2])}
			if len(args) > 3 {
				r.Object = args[3]
			}
			r.Object = rbac.Everything(r.Resource, r.Object)
			if strict {
				if err := rbac.Sensible(r.Resource, r.Action); err != nil {
					return err
				}
			}
			from, err := s.load(cmd.Context(), cmd)
			if err != nil {
				return err
			}
			e, err := from.about(r.Object)
			if err != nil {
				return err
			}
			return answer(cmd, e, r, quiet)
		},
	}
	s.flags(cmd.Flags())
	cmd.Flags().StringVar(&s.defaultRole, "default-role", "", "the role of everybody (default policy.default)")
	cmd.Flags().BoolVar(&s.builtin, "use-builtin-policy", true, "with role:readonly and role:admin as they always are")
	cmd.Flags().BoolVar(&strict, "strict", true, "refuse resources and actions that there are not")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "say nothing: the exit code tells")
	cmd.Flags().StringSliceVar(&groups, "group", nil, "a group that SUBJECT is in (repeatable)")
	return cmd
}

// about is the policy for requests about an object: with the roles of the project that it belongs to.
func (r rights) about(object string) (*rbac.Enforcer, error) {
	e, err := rbac.New(r.settings)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(object, "/")
	if proj := r.projects[name]; proj != nil {
		return e.With(proj)
	}
	return e, nil
}

func answer(cmd *cobra.Command, e *rbac.Enforcer, r rbac.Request, quiet bool) error {
	v := e.Ask(r)
	say := func(text string) {
		if !quiet {
			fmt.Fprintln(cmd.OutOrStdout(), text)
		}
	}
	if !v.Allowed {
		say("No: " + v.String())
		return exitCode(exitNo)
	}
	say("Yes, by " + v.String())
	if v.By == r.Subject && strings.Contains(v.By, ":") && !strings.HasPrefix(v.By, "role:") && !strings.HasPrefix(v.By, "proj:") &&
		!e.Grouped(v.By) && !quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "If %s is a group, this does not hold: a group is asked only where a g line gives it a role.\n", v.By)
	}
	return nil
}

func rbacValidateCommand() *cobra.Command {
	s := rbacSource{builtin: true}
	cmd := &cobra.Command{
		Use:     "validate",
		Short:   "Say what cannot be read, or is probably not meant, in a policy and the roles of projects",
		Long:    "Says that the policy is valid, or names the first line that is not and ends with exit code 1. What can be read and is probably not meant\nis told too, and is no fault.",
		Example: "  slipway rbac validate --policy-file argocd-rbac-cm.yaml --project-file shop.yaml\n  slipway rbac validate --namespace argocd",
		Args:    arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := s.load(cmd.Context(), cmd)
			if err != nil {
				return err
			}
			e, err := rbac.New(from.settings)
			if err != nil {
				return negative{fmt.Errorf("the policy is invalid: %w", err)}
			}
			for _, doubt := range e.Doubts() {
				fmt.Fprintln(cmd.OutOrStdout(), "Note:", doubt)
			}
			var faults []error
			for _, proj := range from.projects {
				if _, err := e.With(proj); err != nil {
					faults = append(faults, err)
				}
			}
			if err := errors.Join(faults...); err != nil {
				return negative{err}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "Policy is valid.")
			return err
		},
	}
	s.flags(cmd.Flags())
	return cmd
}
