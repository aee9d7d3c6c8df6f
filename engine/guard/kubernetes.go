package guard

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"sync"
)

// KubernetesVersion is the release whose kinds Kubernetes describes.
const KubernetesVersion = "v1.36.3"

// packed are the shapes of that release's kinds, made by fixtures/openapi.
//
//go:embed kubernetes/v1.36.json.gz
var packed []byte

// Kubernetes describes the kinds of one release of Kubernetes, for where there is no cluster to ask: on a laptop. It is read once.
var Kubernetes = sync.OnceValues(func() (*Document, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return ParseDocument(text)
})
