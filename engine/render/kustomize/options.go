package kustomize

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/slipway-cd/slipway/engine/object"
)

// Settings are what an installation sets for kustomize.
type Settings struct {
	BuildOptions string             // flags of `kustomize build`
	Versions     map[string]Version // by the name that sources choose them by
}

// Version is what is set for one of several kustomize programs. All are built by the one that is linked in, with these flags.
type Version struct {
	BuildOptions string
	Path         string // of the program, which is not run
}

// of is what is set for a version, or for all where nothing is.
func (s Settings) of(version string) (flags string, warnings []string) {
	if version == "" {
		return s.BuildOptions, nil
	}
	v := s.Versions[version]
	warning := "kustomize.version is not looked at: the built-in Kustomize is used"
	if v.Path != "" {
		warning = "kustomize.path." + version + " is not run: the built-in Kustomize is used"
	}
	flags = v.BuildOptions
	if flags == "" {
		flags = s.BuildOptions
	}
	return flags, []string{warning}
}

// options are the flags that matter.
type options struct {
	unrestricted bool
	helm         bool
	kubeVersion  string
	apiVersions  []string
	reorder      krusty.ReorderOption
	managedBy    bool
}

// with puts in what the source and its destination say, as Argo CD appends it to the flags.
func (o options) with(req Request) options {
	if v := cmp.Or(req.Options.KubeVersion, req.KubeVersion); v != "" {
		o.kubeVersion = v
	}
	versions := req.Options.APIVersions
	if len(versions) == 0 {
		versions = req.APIVersions
	}
	o.apiVersions = append(o.apiVersions, versions...)
	return o
}

// flag is one of `kustomize build`'s.
type flag struct {
	isBool bool
	set    func(o *options, value string) error
	warn   string // why it is not heeded
}

const noPlugins = "plugins and functions that would be run are refused"

// flags are all that the command knows. Those that do nothing to what is rendered here are passed over without a word.
func flags() map[string]flag {
	ignored := func(*options, string) error { return nil }
	return map[string]flag{
		"--load-restrictor":        {set: setRestrictor},
		"--enable-helm":            {isBool: true, set: func(o *options, v string) error { o.helm = o.helm || v == "true"; return nil }},
		"--helm-kube-version":      {set: func(o *options, v string) error { o.kubeVersion = v; return nil }},
		"--helm-api-versions":      {set: func(o *options, v string) error { o.apiVersions = append(o.apiVersions, v); return nil }},
		"--reorder":                {set: setReorder},
		"--enable-managedby-label": {isBool: true, set: func(o *options, v string) error { o.managedBy = v == "true"; return nil }},
		// Kustomize lets Helm in with its plugins.
		"--enable-alpha-plugins": {isBool: true, set: func(o *options, v string) error { o.helm = o.helm || v == "true"; return nil }, warn: noPlugins},
		"--enable-exec":          {isBool: true, set: ignored, warn: noPlugins},
		"--network":              {isBool: true, set: ignored, warn: "nothing that is rendered reaches the network"},
		"--network-name":         {set: ignored, warn: "nothing that is rendered reaches the network"},
		"--mount":                {set: ignored, warn: noPlugins},
		"--env":                  {set: ignored, warn: noPlugins},
		"-e":                     {set: ignored, warn: noPlugins},
		"--helm-command":         {set: ignored, warn: "the built-in Helm is used"},
		"--output":               {set: ignored, warn: "nothing is written to disk"},
		"-o":                     {set: ignored, warn: "nothing is written to disk"},
		"--as-current-user":      {isBool: true, set: ignored},
		"--helm-debug":           {isBool: true, set: ignored},
		"--stack-trace":          {isBool: true, set: ignored},
	}
}

func setRestrictor(o *options, value string) error {
	switch value {
	case types.LoadRestrictionsNone.String():
		o.unrestricted = true
	case types.LoadRestrictionsRootOnly.String(), "":
		o.unrestricted = false
	default:
		return fmt.Errorf("expected %s or %s", types.LoadRestrictionsRootOnly, types.LoadRestrictionsNone)
	}
	return nil
}

func setReorder(o *options, value string) error {
	o.reorder = krusty.ReorderOption(value)
	if o.reorder != krusty.ReorderOptionLegacy && o.reorder != krusty.ReorderOptionNone {
		return fmt.Errorf("expected %s or %s", krusty.ReorderOptionLegacy, krusty.ReorderOptionNone)
	}
	return nil
}

// parseOptions reads flags as the command line does. What is not done here is a warning, what the command would refuse a Fault.
func parseOptions(text string) (options, []string, error) {
	o := options{reorder: krusty.ReorderOptionUnspecified}
	var warnings []string
	known := flags()
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		name, value, given := strings.Cut(words[i], "=")
		f, ok := known[name]
		if !ok {
			return o, nil, optionsFault(fmt.Sprintf("%q is no flag of kustomize build", words[i]))
		}
		switch {
		case f.isBool && !given:
			value = "true"
		case f.isBool:
			on, err := strconv.ParseBool(value)
			if err != nil {
				return o, nil, optionsFault(fmt.Sprintf("%s: %q is neither true nor false", name, value))
			}
			value = strconv.FormatBool(on)
		case !given && i+1 == len(words):
			return o, nil, optionsFault(name + " needs a value")
		case !given:
			i++
			value = words[i]
		}
		value = strings.Trim(value, `"'`)
		if err := f.set(&o, value); err != nil {
			return o, nil, optionsFault(fmt.Sprintf("%s %s: %v", name, value, err))
		}
		if warning := "kustomize.buildOptions: " + name + " is passed over: " + f.warn; f.warn != "" && value != "false" && !slices.Contains(warnings, warning) {
			warnings = append(warnings, warning)
		}
	}
	return o, warnings, nil
}

func optionsFault(message string) error {
	return &object.Fault{Field: "kustomize.buildOptions", Message: message, Hint: "the flags are set in the ConfigMap argocd-cm"}
}
