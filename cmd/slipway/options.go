package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// envPrefix begins the environment variable of every option: --allow-owner is SLIPWAY_ALLOW_OWNER.
const envPrefix = "SLIPWAY_"

// fill gives each option that was not named on the command line its value from the environment or, failing that, from the file
// that --config names. A key in the file that is no option is refused: it is a typing mistake.
func fill(cmd *cobra.Command, path string) error {
	if path == "" {
		path = os.Getenv(variable("config"))
	}
	file, err := readOptions(cmd.Flags(), path)
	if err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil {
			return
		}
		values, source := file[f.Name], path
		if v, ok := os.LookupEnv(variable(f.Name)); ok {
			values, source = []string{v}, "the environment"
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				failed = fmt.Errorf("option %s from %s: %w", f.Name, source, err)
			}
		}
	})
	return failed
}

// variable is the name of an option in the environment.
func variable(option string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// readOptions reads a YAML file whose keys are option names; lists stand for options given several times.
func readOptions(flags *pflag.FlagSet, path string) (map[string][]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading options: %w", err)
	}
	var raw map[string]any
	// Numbers stay as they are written: as floats, large ones would come out in a form that no option takes.
	asWritten := func(d *json.Decoder) *json.Decoder { d.UseNumber(); return d }
	if err := yaml.Unmarshal(data, &raw, asWritten); err != nil {
		return nil, fmt.Errorf("reading options from %s: %w", path, err)
	}
	options := map[string][]string{}
	for name, value := range raw {
		if flags.Lookup(name) == nil {
			return nil, fmt.Errorf("%s: there is no option %q; slipway serve --help lists them", path, name)
		}
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, v := range list {
			if v == nil {
				continue // a key without a value sets nothing
			}
			options[name] = append(options[name], fmt.Sprint(v))
		}
	}
	return options, nil
}

// secretFile reads a secret from a file, without the line break that editors add.
func secretFile(option, path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("--%s is needed", option)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", option, err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("--%s: %s is empty", option, path)
	}
	return secret, nil
}
