package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Bounds on what plugins answer.
const (
	pluginTimeout = 30 * time.Second // where the ConfigMap does not say
	pluginPatient = 5 * time.Minute  // whatever it says
	pluginBytes   = 8 << 20
)

// plugin asks the service that a ConfigMap of the control namespace describes.
func (p *setPass) plugin(ctx context.Context, name string, input argo.PluginParameters) ([]map[string]any, error) {
	about, err := p.configMap(ctx, p.ControlNamespace, name)
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
	}
	at, err := pluginAddress(name, about)
	if err != nil {
		return nil, err
	}
	timeout, err := pluginPatience(name, about)
	if err != nil {
		return nil, err
	}
	token, err := p.pluginToken(ctx, name, about["token"])
	if err != nil {
		return nil, err
	}
	if input == nil {
		input = argo.PluginParameters{}
	}
	body, err := json.Marshal(struct {
		ApplicationSetName string           `json:"applicationSetName"`
		Input              argo.PluginInput `json:"input"`
	}{p.set.Name, argo.PluginInput{Parameters: input}})
	if err != nil {
		return nil, fmt.Errorf("asking the plugin %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the plugin %s: %w", name, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	return p.answer(req, name)
}

// answer reads what the service says. Anything but an answer in full is an error.
func (p *setPass) answer(req *http.Request, name string) ([]map[string]any, error) {
	if p.Plugins == nil {
		return nil, errors.New("plugins are not asked here")
	}
	resp, err := p.Plugins.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // it names the address, in which there may be a password
		}
		return nil, fmt.Errorf("asking the plugin %s: %w", name, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, pluginBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of the plugin %s: %w", name, err)
	case len(data) > pluginBytes:
		return nil, fmt.Errorf("the plugin %s answers more than %d MiB", name, pluginBytes>>20)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, fmt.Errorf("the plugin %s answers %s", name, resp.Status)
	}
	var answer struct {
		Output *struct {
			Parameters []map[string]any `json:"parameters"`
		} `json:"output"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("the plugin %s answers something else than JSON: %w", name, err)
	}
	if answer.Output == nil || answer.Output.Parameters == nil {
		return nil, fmt.Errorf("the plugin %s answers without output.parameters; a list of none is []", name)
	}
	return answer.Output.Parameters, nil
}

func pluginAddress(name string, about map[string]string) (string, error) {
	base, err := url.Parse(about["baseUrl"])
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return "", &object.Fault{Message: fmt.Sprintf("the ConfigMap %s has no baseUrl that is an address of http or https", name)}
	}
	return strings.TrimSuffix(base.String(), "/") + "/api/v1/getparams.execute", nil
}

func pluginPatience(name string, about map[string]string) (time.Duration, error) {
	text := about["requestTimeout"]
	if text == "" {
		return pluginTimeout, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 {
		return 0, &object.Fault{Message: fmt.Sprintf("the ConfigMap %s has a requestTimeout that is no number of seconds: %q", name, text)}
	}
	if seconds == 0 {
		return pluginTimeout, nil
	}
	return min(time.Duration(seconds)*time.Second, pluginPatient), nil
}

// pluginToken is the value that "$key", of argocd-secret, or "$secret:key" names.
func (p *setPass) pluginToken(ctx context.Context, name, ref string) (string, error) {
	where, ok := strings.CutPrefix(ref, "$")
	if !ok {
		return "", &object.Fault{Message: fmt.Sprintf("the ConfigMap %s has no token of the form $secret:key", name)}
	}
	secret, key, ok := strings.Cut(where, ":")
	if !ok {
		secret, key = "argocd-secret", where
	}
	token, err := p.secret(ctx, p.ControlNamespace, argo.SecretRef{SecretName: secret, Key: key}, false)
	return string(token), err
}
