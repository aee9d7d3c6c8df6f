package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// Bounds of what a registry says.
const (
	maxManifest = 4 << 20
	maxTags     = 100_000
)

// The media types of layers with content.
const helmLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

var (
	chartLayers    = []string{helmLayer, "application/tar+gzip"} // the latter is what Helm wrote at first
	artifactLayers = []string{ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerGzip, helmLayer}
)

// fromRegistry finds a chart, or another artifact, in an OCI registry.
func (s *Sources) fromRegistry(ctx context.Context, q Query, r Registration) (*git.Tree, error) {
	name := strings.TrimRight(withoutScheme(strings.TrimSpace(q.RepoURL)), "/")
	if q.Chart != "" {
		name += "/" + q.Chart
	}
	repo, err := remote.NewRepository(name)
	if err != nil || repo.Reference.Reference != "" {
		return nil, &object.Fault{Field: "spec.source.repoURL", Message: redacted(q.RepoURL) + " is not the address of an OCI repository",
			Hint: "such as registry.example.com/charts; the version is targetRevision"}
	}
	repo.PlainHTTP = r.Known && r.OCIPlainHTTP
	repo.TagListMaxPages = 1000
	c, err := s.deps.Network.client(r, repo.PlainHTTP)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdleConnections()
	credential := auth.Credential{Username: r.Username, Password: string(r.Password)}
	if r.BearerToken != "" && r.Username == "" {
		credential = auth.Credential{AccessToken: string(r.BearerToken)}
	}
	repo.Client = &auth.Client{Client: c, Credential: auth.StaticCredential(repo.Reference.Registry, credential), Cache: auth.NewCache(), ClientID: "slipway"}
	return s.pull(ctx, q, repo)
}

// pull reads the manifest that a revision names, and unpacks its one layer.
func (s *Sources) pull(ctx context.Context, q Query, repo *remote.Repository) (*git.Tree, error) {
	tag, err := tagOf(ctx, q, repo)
	if err != nil {
		return nil, registryError(err, q)
	}
	about, text, err := manifestOf(ctx, repo, tag)
	if err != nil {
		return nil, registryError(err, q)
	}
	layer, err := layerOf(q, text)
	if err != nil {
		return nil, chartFault(q, err)
	}
	a := archive{digest: layer.Digest.Encoded(), revision: versionOf(tag), chart: q.Chart != "" || layer.MediaType == helmLayer, read: func() ([]byte, error) {
		text, err := content.FetchAll(ctx, repo.Blobs(), layer)
		return text, registryError(err, q)
	}}
	if q.Chart == "" {
		a.revision = about.Digest.String()
	}
	return s.unpacked(ctx, q, a)
}

// tagOf is the tag, or the digest, that a revision names.
func tagOf(ctx context.Context, q Query, repo *remote.Repository) (string, error) {
	if !ranging(q) {
		return strings.ReplaceAll(q.Revision, "+", "_"), nil
	}
	var tags, versions []string
	err := repo.Tags(ctx, "", func(page []string) error {
		if len(tags)+len(page) > maxTags {
			return &object.Fault{Field: "spec.source.targetRevision", Message: fmt.Sprintf("there are more than %d tags to choose from", maxTags), Hint: "name a version"}
		}
		for _, tag := range page {
			tags, versions = append(tags, tag), append(versions, versionOf(tag))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	i, ok := choose(versions, q.Revision)
	if !ok {
		return "", unknownVersion(q)
	}
	return tags[i], nil
}

// ranging says whether a revision is to be chosen from the tags. "1.2" is a range of charts, as it is for Helm, and a tag of artifacts.
func ranging(q Query) bool {
	if _, err := semver.NewVersion(q.Revision); err == nil && (q.Chart == "" || exact(q.Revision)) {
		return false
	}
	_, err := semver.NewConstraint(q.Revision)
	return err == nil
}

// versionOf is the version that a tag stands for: tags cannot have a "+".
func versionOf(tag string) string { return strings.ReplaceAll(tag, "_", "+") }

func manifestOf(ctx context.Context, repo *remote.Repository, tag string) (ocispec.Descriptor, []byte, error) {
	about, body, err := repo.Manifests().FetchReference(ctx, tag)
	if err != nil {
		return about, nil, err
	}
	defer body.Close()
	if about.Size > maxManifest {
		return about, nil, &object.Fault{Field: "spec.source.repoURL", Message: "the manifest is too large"}
	}
	text, err := content.ReadAll(body, about)
	return about, text, err
}

// layerOf is the one layer with content.
func layerOf(q Query, text []byte) (ocispec.Descriptor, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return ocispec.Descriptor{}, errors.New("its manifest cannot be read")
	}
	allowed := artifactLayers
	if q.Chart != "" {
		allowed = chartLayers
	}
	found := slices.DeleteFunc(slices.Clone(m.Layers), func(l ocispec.Descriptor) bool { return !slices.Contains(allowed, l.MediaType) })
	switch {
	case len(found) != 1:
		return ocispec.Descriptor{}, fmt.Errorf("it has %d layers with content, where there must be one", len(found))
	case found[0].Digest.Validate() != nil || found[0].Digest.Algorithm() != "sha256":
		return ocispec.Descriptor{}, errors.New("its layer is not known by a SHA-256 digest")
	case found[0].Size < 0 || found[0].Size > maxArchive:
		return ocispec.Descriptor{}, fmt.Errorf("it has more than %d MiB", maxArchive>>20)
	}
	return found[0], nil
}

// registryError makes of a registry's refusals what explain knows.
func registryError(err error, q Query) error {
	var resp *errcode.ErrorResponse
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return unknownVersion(q)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return status(401)
	case errors.As(err, &resp):
		return status(resp.StatusCode)
	case errors.Is(err, errdef.ErrInvalidReference):
		return unknownVersion(q)
	}
	return err
}
