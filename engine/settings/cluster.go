package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// InClusterServer is the address by which applications name the control plane's own cluster, InClusterName its name.
const (
	InClusterServer = "https://kubernetes.default.svc"
	InClusterName   = "in-cluster"
)

// Cluster is a registered cluster and how to reach it. What its Secret says of a shard is passed over: one replica serves all clusters.
type Cluster struct {
	// Secret is the name of the Secret it was read from.
	Secret string
	Name   string
	// Server is the API server's URL without a trailing slash.
	Server string
	// Project is the only one that may use it; empty for all.
	Project string
	// Namespaces, if any, are the only ones that may be looked at. ClusterResources says that objects outside namespaces may be too.
	Namespaces       []string
	ClusterResources bool
	// SkipReconcile says that its applications are left as they are.
	SkipReconcile bool
	Labels        map[string]string
	Annotations   map[string]string
	Access        Access
	// Fault says why Access cannot be read; empty where it can. The cluster is registered all the same: who cannot reach it must not take it
	// for one that is gone.
	Fault string
}

// Access is how a cluster is reached and who we are there.
type Access struct {
	Username    string
	Password    Hidden
	BearerToken Hidden
	TLS         TLS
	ProxyURL    string
	// DisableCompression asks for uncompressed answers.
	DisableCompression bool
	// Program gets the token; nil for none. AWS makes one for EKS; nil for none.
	Program *Program
	AWS     *AWS
}

// Program is a command that prints a token, as execProviderConfig names it. It is run without a shell.
type Program struct {
	Command     string
	Args        []string
	Env         map[string]Hidden
	APIVersion  string
	InstallHint string
}

// AWS is how EKS clusters are logged in to: awsAuthConfig.
type AWS struct {
	ClusterName string `json:"clusterName"`
	// RoleARN is taken on first; empty for who we are. Profile is one of the shared credentials file; empty for none.
	RoleARN string `json:"roleARN"`
	Profile string `json:"profile"`
}

// TLS is how the server is verified and which certificate we show. The data is PEM.
type TLS struct {
	Insecure   bool
	ServerName string
	CA, Cert   []byte
	Key        HiddenBytes
}

// clusterConfig is the JSON in a cluster Secret's config key.
type clusterConfig struct {
	Username    string `json:"username"`
	Password    string `json:"password"`
	BearerToken string `json:"bearerToken"`
	TLS         struct {
		Insecure   bool   `json:"insecure"`
		ServerName string `json:"serverName"`
		CAData     []byte `json:"caData"`
		CertData   []byte `json:"certData"`
		KeyData    []byte `json:"keyData"`
	} `json:"tlsClientConfig"`
	AWS  *AWS `json:"awsAuthConfig"`
	Exec *struct {
		Command     string            `json:"command"`
		Args        []string          `json:"args"`
		Env         map[string]string `json:"env"`
		APIVersion  string            `json:"apiVersion"`
		InstallHint string            `json:"installHint"`
	} `json:"execProviderConfig"`
	DisableCompression bool   `json:"disableCompression"`
	ProxyURL           string `json:"proxyUrl"`
}

func decodeCluster(secret *corev1.Secret) (Cluster, error) {
	server := strings.TrimRight(strings.TrimSpace(string(secret.Data["server"])), "/")
	if server == "" {
		return Cluster{}, errors.New("server is missing")
	}
	c := Cluster{
		Secret:           secret.Name,
		Name:             string(secret.Data["name"]),
		Server:           server,
		Project:          string(secret.Data["project"]),
		Namespaces:       list(string(secret.Data["namespaces"])),
		ClusterResources: string(secret.Data["clusterResources"]) == "true",
		SkipReconcile:    secret.Annotations[skipReconcileAnnotation] == "true",
		Labels:           secret.Labels,
		Annotations:      secret.Annotations,
	}
	if c.Name == "" {
		c.Name = server
	}
	var err error
	if c.Access, err = decodeAccess(secret.Data["config"]); err != nil {
		c.Fault = err.Error()
	}
	return c, nil
}

func decodeAccess(config []byte) (Access, error) {
	if len(config) == 0 {
		return Access{}, nil
	}
	var from clusterConfig
	if err := json.Unmarshal(config, &from); err != nil {
		// The decoder's error may quote what it stumbles on, which may be a password.
		return Access{}, fmt.Errorf("config is not the JSON of a cluster's access%s", offsetOf(err))
	}
	a := Access{
		Username: from.Username, Password: Hidden(from.Password), BearerToken: Hidden(from.BearerToken),
		TLS: TLS{Insecure: from.TLS.Insecure, ServerName: from.TLS.ServerName, CA: from.TLS.CAData, Cert: from.TLS.CertData,
			Key: HiddenBytes(from.TLS.KeyData)},
		ProxyURL: from.ProxyURL, DisableCompression: from.DisableCompression,
	}
	if p := from.Exec; p != nil {
		a.Program = &Program{Command: p.Command, Args: p.Args, APIVersion: p.APIVersion, InstallHint: p.InstallHint, Env: map[string]Hidden{}}
		for k, v := range p.Env {
			a.Program.Env[k] = Hidden(v)
		}
	}
	a.AWS = from.AWS
	return a, nil
}

func offsetOf(err error) string {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf(" (at byte %d)", syntax.Offset)
	case errors.As(err, &shape):
		return fmt.Sprintf(" (%s at byte %d)", shape.Field, shape.Offset)
	}
	return ""
}
