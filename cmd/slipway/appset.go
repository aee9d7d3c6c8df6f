package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/controller"
)

// generateOptions are those of slipway appset generate.
type generateOptions struct {
	render     renderOptions
	kubeconfig string
	context    string
	namespace  string
	clusters   bool
	names      bool
}

func appsetCommand() *cobra.Command {
	var o generateOptions
	generate := &cobra.Command{
		Use:   "generate FILE",
		Short: "Print the applications that the ApplicationSets of a file make",
		Long: `Print the applications that the ApplicationSets of a file (- for standard input) make, as YAML.

Lists, and git generators that read this repository, need nothing but the checkout: the files are those of its commits, of the branches and
tags that the set names. With --clusters the clusters generator reads the cluster Secrets of the control namespace that the kubeconfig
reaches; nothing is written there. Generators that ask a forge, a plugin or other objects of the server are answered by the server alone:
a set with one of them is named, and makes the exit code 1. So does an application that would be refused.`,
		Example: "  slipway appset generate sets.yaml --names\n  slipway appset generate sets.yaml --clusters | kubectl diff -f -",
		Args:    arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], streams{cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()})
		},
	}
	f := generate.Flags()
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "dir" { // what --directory was once called here
			name = "directory"
		}
		return pflag.NormalizedName(name)
	})
	f.StringVarP(&o.render.dir, "directory", "C", ".", "the checkout that git generators read")
	f.StringVar(&o.render.revision, "revision", "HEAD", "the commit that stands for the branch that is checked out")
	f.StringSliceVar(&o.render.repos, "repo", nil, "a further URL of this repository, if sets name it by another than its remotes (repeatable)")
	f.BoolVar(&o.clusters, "clusters", false, "let the clusters generator read the cluster Secrets that the kubeconfig reaches")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the way to the control plane (default the usual kubeconfig); implies --clusters")
	f.StringVar(&o.context, "context", "", "the kubeconfig's context; implies --clusters")
	f.StringVar(&o.namespace, "control-namespace", "argocd", "where the cluster Secrets are")
	f.BoolVar(&o.names, "names", false, "print names alone")
	return family("appset", "Work with ApplicationSets", generate)
}

// streams are a command's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func (o generateOptions) run(ctx context.Context, file string, s streams) error {
	sets, err := readSets(file, s.in)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "slipway-appset-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	world := appset.World{Now: time.Now()}
	found := &search{opt: o.render, notes: s.err}
	if err := found.open(ctx, scratch); err == nil {
		world.Tree = func(repoURL, revision string) (fs.FS, error) {
			if !found.scope.Same(repoURL) {
				return nil, &appset.NeedsWorld{Generator: "git", Reason: "it reads " + repoURL + ", and only this repository is at hand (--repo says that it is this one)"}
			}
			return found.at(ctx, argo.ApplicationSource{Path: "of git generators", TargetRevision: revision}, s.err)
		}
	} else if o.render.dir != "." {
		return err
	}
	if o.clusters || o.kubeconfig != "" || o.context != "" {
		world.Clusters = func() ([]appset.Cluster, error) { return o.registered(ctx) }
	}
	return printSets(sets, world, o.names, s)
}

// printSets goes on with the next set where one cannot be generated.
func printSets(sets []*argo.ApplicationSet, world appset.World, names bool, s streams) error {
	wrong, first := 0, true
	for _, set := range sets {
		made, err := appset.Unfold(set, world)
		var needs *appset.NeedsWorld
		switch {
		case errors.As(err, &needs):
			fmt.Fprintf(s.err, "slipway: ApplicationSet %s is left out: %v\n", setName(set), needs)
			if needs.Generator == "clusters" {
				fmt.Fprintln(s.err, "slipway: --clusters reads those that the kubeconfig reaches")
			}
		case err != nil:
			fmt.Fprintf(s.err, "slipway: ApplicationSet %s cannot be generated: %v\n", setName(set), err)
		}
		for _, r := range made.Refused {
			fmt.Fprintf(s.err, "slipway: ApplicationSet %s: %v\n", setName(set), r.Fault)
			wrong++
		}
		if err != nil {
			wrong++
		}
		for _, app := range made.Applications {
			if err := printApplication(app, names, first, s.out); err != nil {
				return err
			}
			first = false
		}
	}
	if wrong > 0 {
		return exitCode(exitNo)
	}
	return nil
}

func printApplication(app *argo.Application, name, first bool, out io.Writer) error {
	if name {
		_, err := fmt.Fprintln(out, app.Name)
		return err
	}
	text, err := yaml.Marshal(app)
	if err != nil {
		return fmt.Errorf("printing application %s: %w", app.Name, err)
	}
	if !first {
		text = append([]byte("---\n"), text...)
	}
	_, err = out.Write(text)
	return err
}

// readSets are the ApplicationSets among the documents of a file.
func readSets(file string, in io.Reader) ([]*argo.ApplicationSet, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(io.LimitReader(in, 16<<20))
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	var sets []*argo.ApplicationSet
	for reader := documents.NewYAMLReader(bufio.NewReader(bytes.NewReader(data))); ; {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		set := new(argo.ApplicationSet)
		if err := yaml.Unmarshal(doc, set); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if set.Kind == "ApplicationSet" && set.APIVersion == argo.SchemeGroupVersion.String() {
			sets = append(sets, set)
		}
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("%s holds no ApplicationSet", file)
	}
	return sets, nil
}

// registered are the clusters whose Secrets the kubeconfig reaches.
func (o generateOptions) registered(ctx context.Context) ([]appset.Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	api, err := client.New(cfg, client.Options{})
	if err != nil {
		return nil, err
	}
	return controller.RegisteredClusters(ctx, api, o.namespace)
}
