package source

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// Content is the name of the only file in the tree of a single file.
const Content = "content"

// maxFile bounds a single file, in bytes.
const maxFile = 16 << 20

// file finds the tree of a single file. It is asked for again as often as a branch is, for whoever serves it may change it.
func (s *Sources) file(ctx context.Context, q Query) (*git.Tree, error) {
	at, err := url.Parse(q.RepoURL)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return nil, &object.Fault{Message: "this is not the URL of a file that can be fetched"}
	}
	if at.Scheme == "http" && !q.Plain {
		return nil, &object.Fault{Message: redacted(q.RepoURL) + ": files are not fetched without TLS"}
	}
	if at.User != nil {
		return nil, &object.Fault{Message: redacted(q.RepoURL) + ": URLs with credentials in them are not fetched"}
	}
	at.Fragment = ""
	key := chartKey{repo: at.String(), chart: "\x00file", pass: q.Plain}
	return s.charts.ask(ctx, key, terms{now: s.deps.Now, fresh: q.Fresh, age: maxAge}, func() (*git.Tree, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, conversation, errors.New("it took longer than "+conversation.String()))
		defer cancel()
		// What is registered says by which certificates the host is known, and of which proxy; who we are is not shown.
		known := s.deps.Registered(ctx, q.RepoURL, q.Project)
		shown := known.anonymous()
		shown.Certificates = known.Certificates
		c, err := s.deps.Network.client(shown, q.Plain)
		if err != nil {
			return nil, err
		}
		defer c.CloseIdleConnections()
		text, err := download(ctx, c, at, shown, maxFile)
		if err != nil {
			err = explain(err, q.RepoURL)
			if f, ok := object.AsFault(err); ok && f.Hint != "" {
				f.Hint = "files are fetched without credentials; one that needs them can be a source of its own, with a ref"
			}
			if ctx.Err() == nil {
				s.deps.Log.Warn("fetching a file", "url", redacted(q.RepoURL), "error", err.Error())
			}
			return nil, err
		}
		return s.filed(ctx, q, text)
	})
}

// filed keeps a file by its content.
func (s *Sources) filed(ctx context.Context, q Query, text []byte) (*git.Tree, error) {
	digest := sum(text)
	name := strings.TrimSpace("file " + redacted(q.RepoURL) + " sha256:" + digest)
	tree, err := s.deps.Store.Imported(ctx, name)
	if errors.Is(err, git.ErrUnknownRevision) {
		tree, err = s.deps.Store.Import(ctx, name, map[string]git.Content{Content: {Data: text}})
	}
	if err != nil {
		return nil, err
	}
	return tree.Called("sha256:" + digest), nil
}
