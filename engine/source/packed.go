package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// packed says whether a query is for an archive: a chart, or an artifact of an OCI registry.
func (q Query) packed() bool {
	return q.Chart != "" || strings.HasPrefix(strings.ToLower(q.RepoURL), "oci://")
}

// chartKey is a question about an archive. Projects that show a repository the same secret see the same answer; others never do. The
// repository is as it is written: paths may differ in case only.
type chartKey struct {
	repo, chart, revision, secret string
	pass                          bool
}

// indexKey is the question for a repository's index.
type indexKey struct{ repo, secret string }

// forever is how long an archive stays what it is: it is known by its digest.
const forever = 1 << 62

// packed finds the tree of an archive. A version is asked for once in a while, for access may have been taken away; what a range means,
// as often as what a branch means.
func (s *Sources) packed(ctx context.Context, q Query) (*git.Tree, error) {
	if err := checkPacked(q); err != nil {
		return nil, err
	}
	r := s.deps.Registered(ctx, q.RepoURL, q.Project)
	key := chartKey{repo: redacted(q.RepoURL), chart: q.Chart, revision: q.Revision, secret: shown(q, r), pass: q.PassCredentials}
	t := terms{now: s.deps.Now, fresh: q.Fresh, age: maxAge}
	if q.Chart != "" && exact(q.Revision) {
		t.age = admitAge
	}
	return s.charts.ask(ctx, key, t, func() (*git.Tree, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, conversation, errors.New("it took longer than "+conversation.String()))
		defer cancel()
		get := s.fromIndex
		if isRegistry(q.RepoURL) {
			get = s.fromRegistry
		}
		tree, err := get(ctx, q, r)
		if err = explain(err, q.RepoURL); err != nil && ctx.Err() == nil {
			s.deps.Log.Warn("fetching a chart", "repo", key.repo, "chart", q.Chart, "revision", q.Revision, "error", err.Error())
		}
		return tree, err
	})
}

// shown names what a repository is shown: a secret, or what stands in its URL.
func shown(q Query, r Registration) string {
	if u, err := url.Parse(q.RepoURL); err == nil && u.User != nil {
		sum := sha256.Sum256([]byte(u.User.String()))
		return r.Secret + " " + hex.EncodeToString(sum[:])
	}
	return r.Secret
}

func checkPacked(q Query) error {
	switch {
	case q.RepoURL == "":
		return &object.Fault{Field: "spec.source.repoURL", Message: "is missing"}
	case q.Revision == "":
		return &object.Fault{Field: "spec.source.targetRevision", Message: "is missing", Hint: "charts and artifacts need a version, or a range of versions"}
	case strings.ContainsAny(q.Chart, "\\:@?#%\n\r\t ") || q.Chart != "" && !fs.ValidPath(q.Chart):
		return &object.Fault{Field: "spec.source.chart", Message: fmt.Sprintf("%.100q is not the name of a chart", q.Chart)}
	}
	return nil
}

// fromIndex finds a chart by the index of a Helm repository.
func (s *Sources) fromIndex(ctx context.Context, q Query, r Registration) (*git.Tree, error) {
	base, err := url.Parse(q.RepoURL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, &object.Fault{Field: "spec.source.repoURL", Message: "is not the URL of a Helm repository"}
	}
	if base.Scheme == "http" && !r.Known {
		return nil, &object.Fault{Field: "spec.source.repoURL", Message: redacted(q.RepoURL) + ": only repositories that are registered are spoken to without TLS"}
	}
	if base.User != nil && !r.HasCredentials() {
		password, _ := base.User.Password()
		r.Username, r.Password = base.User.Username(), settings.Hidden(password)
	}
	base.User = nil
	t := terms{now: s.deps.Now, fresh: q.Fresh, age: maxAge}
	x, err := s.indexes.ask(ctx, indexKey{redacted(q.RepoURL), shown(q, r)}, t, func() (*index, error) { return s.readIndex(ctx, base, r) })
	if err != nil {
		return nil, err
	}
	release, err := x.find(q)
	if err != nil {
		return nil, err
	}
	at, err := release.resolve(base)
	if err != nil {
		return nil, chartFault(q, err)
	}
	if at.Scheme != base.Scheme || at.Host != base.Host {
		if !q.PassCredentials {
			r = r.anonymous()
		}
	}
	if at.Scheme == "oci" {
		return s.elsewhere(ctx, q, r, at, release.Version)
	}
	if at.Scheme != "https" && at.Scheme != base.Scheme {
		return nil, chartFault(q, errors.New("the index gives a URL for it that is not used"))
	}
	return s.unpacked(ctx, q, archive{digest: strings.TrimPrefix(release.Digest, "sha256:"), revision: release.Version, chart: true, read: func() ([]byte, error) {
		c, err := s.deps.Network.client(r, base.Scheme == "http")
		if err != nil {
			return nil, err
		}
		defer c.CloseIdleConnections()
		return download(ctx, c, at, r, maxArchive)
	}})
}

// elsewhere follows an index to a registry.
func (s *Sources) elsewhere(ctx context.Context, q Query, r Registration, at *url.URL, version string) (*git.Tree, error) {
	name, _, _ := strings.Cut(at.Path, ":")
	i := strings.LastIndexByte(name, '/')
	if i < 1 {
		return nil, chartFault(q, errors.New("the index gives a URL for it that cannot be read"))
	}
	return s.fromRegistry(ctx, Query{RepoURL: "oci://" + at.Host + name[:i], Chart: name[i+1:], Revision: version, Fresh: q.Fresh}, r)
}

func (s *Sources) readIndex(ctx context.Context, base *url.URL, r Registration) (*index, error) {
	c, err := s.deps.Network.client(r, base.Scheme == "http")
	if err != nil {
		return nil, err
	}
	defer c.CloseIdleConnections()
	at := *base
	at.Path, at.RawPath = strings.TrimSuffix(base.Path, "/")+"/index.yaml", ""
	text, err := download(ctx, c, &at, r, maxIndex)
	if err != nil {
		return nil, err
	}
	select {
	case s.parsing <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.parsing }()
	x, err := parseIndex(text)
	if err != nil {
		return nil, &object.Fault{Field: "spec.source.repoURL", Message: redacted(base.String()) + ": " + err.Error()}
	}
	return x, nil
}

// archive is something to download and unpack.
type archive struct {
	digest   string // SHA-256 in hex, "" when only the download will tell
	revision string // what people call it
	chart    bool
	read     func() ([]byte, error)
}

// unpacked is the tree of an archive. One that is at hand is not downloaded again, and others who want it at the same time wait for it.
func (s *Sources) unpacked(ctx context.Context, q Query, a archive) (*git.Tree, error) {
	if a.digest == "" {
		tree, err := s.fetched(ctx, q, a)
		if err != nil {
			return nil, err
		}
		return tree.Called(a.revision), nil
	}
	name := importName(q, a.digest)
	tree, err := s.archives.ask(ctx, name, terms{now: s.deps.Now, age: forever}, func() (*git.Tree, error) {
		tree, err := s.deps.Store.Imported(ctx, name)
		if errors.Is(err, git.ErrUnknownRevision) {
			return s.fetched(ctx, q, a)
		}
		return tree, err
	})
	if err != nil {
		return nil, err
	}
	return tree.Called(a.revision), nil
}

// importName says where an archive comes from too: who knows a digest only does not get to see what another repository has by it.
func importName(q Query, digest string) string {
	return strings.TrimSpace(fmt.Sprintf("archive %s %s sha256:%s", redacted(strings.TrimRight(q.RepoURL, "/")), q.Chart, digest))
}

func (s *Sources) fetched(ctx context.Context, q Query, a archive) (*git.Tree, error) {
	text, err := a.read()
	if err != nil {
		return nil, err
	}
	digest := sum(text)
	if a.digest != "" && !strings.EqualFold(digest, a.digest) {
		return nil, chartFault(q, fmt.Errorf("its digest is sha256:%s, which is not the promised sha256:%.64s", digest, a.digest))
	}
	files, err := unpack(text, a.chart)
	if err != nil {
		return nil, chartFault(q, err)
	}
	if _, ok := files["Chart.yaml"]; !ok && a.chart {
		return nil, chartFault(q, errors.New("it holds no Chart.yaml"))
	}
	if len(files) == 0 {
		return nil, chartFault(q, errors.New("it holds no files"))
	}
	tree, err := s.deps.Store.Import(ctx, importName(q, digest), files)
	if errors.Is(err, fs.ErrInvalid) {
		return nil, chartFault(q, errors.New("it holds paths that are not used"))
	}
	return tree, err
}

func sum(text []byte) string {
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}

func chartFault(q Query, err error) error {
	if q.Chart == "" {
		return &object.Fault{Field: "spec.source.targetRevision", Message: fmt.Sprintf("artifact %s %s: %v", redacted(q.RepoURL), q.Revision, err)}
	}
	return &object.Fault{Field: "spec.source.chart", Message: fmt.Sprintf("chart %s %s of %s: %v", q.Chart, q.Revision, redacted(q.RepoURL), err)}
}
