// Package slipway holds what stands at the root of the repository for people and for the program alike: the manifest of the GitHub App.
package slipway

import _ "embed"

// App is app.yaml, the manifest of the GitHub App, with addresses of an example host.
//
//go:embed app.yaml
var App []byte
