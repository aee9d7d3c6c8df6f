package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/openapi"
	"k8s.io/kube-openapi/pkg/spec3"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/slipway-cd/slipway/engine/compare"
)

// schemas are the OpenAPI documents of the group versions that were asked for, as the server has them.
type schemas struct {
	documents *documents
	loading   sync.Mutex
	index     map[string]openapi.GroupVersionWithContext
	indexedAt time.Time
	now       atomic.Pointer[typeConverters]
}

// indexFor is how long the list of documents and their hashes is believed.
const indexFor = time.Minute

// Schema types objects by the documents that Live has loaded so far. A kind whose document could not be loaded gives the reason
// as an error, for that kind only. The value does not change when more are loaded.
func (c *Cluster) Schema() compare.Schema {
	if now := c.schemas.now.Load(); now != nil {
		return *now
	}
	return nil
}

// loadSchemas loads the documents of group versions that are not loaded, or have changed. What fails is remembered in place of
// the document until the next call.
func (c *Cluster) loadSchemas(ctx context.Context, wanted map[schema.GroupVersion]bool) {
	s := &c.schemas
	s.loading.Lock()
	defer s.loading.Unlock()
	c.listSchemas(ctx, wanted)
	next := typeConverters{}
	if now := s.now.Load(); now != nil {
		maps.Copy(next, *now)
	}
	var loads sync.WaitGroup
	var mu sync.Mutex
	for gv := range wanted {
		loads.Go(func() {
			one := s.load(ctx, gv)
			mu.Lock()
			defer mu.Unlock()
			next[gv] = one
		})
	}
	loads.Wait()
	s.now.Store(&next)
}

// listSchemas reads the list of documents where it is old, or lacks one that is wanted. The caller holds loading.
func (c *Cluster) listSchemas(ctx context.Context, wanted map[schema.GroupVersion]bool) {
	s := &c.schemas
	if time.Since(s.indexedAt) <= indexFor && !s.lacks(wanted) {
		return
	}
	paths, err := retried(ctx, callTimeout, c.discovery.OpenAPIV3WithContext(ctx).PathsWithContext)
	if err != nil {
		c.log.Warn("cannot list schemas", "error", err)
		return
	}
	s.index, s.indexedAt = paths, time.Now()
}

// OpenAPI finds the document that describes a group version: its address, which changes with its content and is the same on clusters of
// one version, and a way to read it as JSON. The address is empty where the cluster describes no such version.
func (c *Cluster) OpenAPI(ctx context.Context, gv schema.GroupVersion) (address string, read func(context.Context) ([]byte, error)) {
	c.schemas.loading.Lock()
	defer c.schemas.loading.Unlock()
	c.listSchemas(ctx, map[schema.GroupVersion]bool{gv: true})
	document, ok := c.schemas.index[documentPath(gv)]
	if !ok {
		return "", nil
	}
	return document.ServerRelativeURL(), func(ctx context.Context) ([]byte, error) {
		return retried(ctx, callTimeout, func(ctx context.Context) ([]byte, error) {
			return document.SchemaWithContext(ctx, runtime.ContentTypeJSON)
		})
	}
}

// renew has the list of documents read again with the next question: kinds have come, gone or changed.
func (s *schemas) renew() {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.indexedAt = time.Time{}
}

// published says whether the server describes all of these group versions by now.
func (c *Cluster) published(ctx context.Context, versions []schema.GroupVersion) bool {
	paths, err := retried(ctx, callTimeout, c.discovery.OpenAPIV3WithContext(ctx).PathsWithContext)
	if err != nil {
		return false
	}
	c.schemas.loading.Lock()
	defer c.schemas.loading.Unlock()
	c.schemas.index, c.schemas.indexedAt = paths, time.Now()
	for _, gv := range versions {
		if _, ok := paths[documentPath(gv)]; !ok {
			return false
		}
	}
	return true
}

// lacks says that a wanted document is not in the index: perhaps its definition is newer.
func (s *schemas) lacks(wanted map[schema.GroupVersion]bool) bool {
	if time.Since(s.indexedAt) < missAgain {
		return false
	}
	for gv := range wanted {
		if _, ok := s.index[documentPath(gv)]; !ok {
			return true
		}
	}
	return false
}

func (s *schemas) load(ctx context.Context, gv schema.GroupVersion) typeConverter {
	document, ok := s.index[documentPath(gv)]
	if !ok {
		return typeConverter{err: fmt.Errorf("the cluster gives no schema for %s", gv)}
	}
	types, err := s.documents.types(ctx, document)
	if err != nil {
		return typeConverter{err: fmt.Errorf("reading the schema of %s: %w", gv, err)}
	}
	return typeConverter{types: types, version: document.ServerRelativeURL()}
}

func documentPath(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return "api/" + gv.Version
	}
	return "apis/" + gv.String()
}

// documents keeps read documents by their hash: clusters of one version share them.
type documents struct {
	mu  sync.Mutex
	all map[string]managedfields.TypeConverter
}

// documentsKept bounds the memory: a document of Kubernetes' own takes a few megabytes.
const documentsKept = 256

func newDocuments() *documents {
	return &documents{all: map[string]managedfields.TypeConverter{}}
}

func (d *documents) types(ctx context.Context, from openapi.GroupVersionWithContext) (managedfields.TypeConverter, error) {
	key := from.ServerRelativeURL()
	hashed := strings.Contains(key, "hash=")
	d.mu.Lock()
	types, ok := d.all[key]
	d.mu.Unlock()
	if ok && hashed {
		return types, nil
	}
	text, err := retried(ctx, callTimeout, func(ctx context.Context) ([]byte, error) {
		return from.SchemaWithContext(ctx, runtime.ContentTypeJSON)
	})
	if err != nil {
		return nil, err
	}
	var document spec3.OpenAPI
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if document.Components == nil {
		return nil, errors.New("the document describes no kinds")
	}
	types, err = managedfields.NewTypeConverter(document.Components.Schemas, false)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for old := range d.all {
		if len(d.all) < documentsKept {
			break
		}
		delete(d.all, old)
	}
	d.all[key] = types
	return types, nil
}

// typeConverters types objects by the document of their group version.
type typeConverters map[schema.GroupVersion]typeConverter

type typeConverter struct {
	types   managedfields.TypeConverter
	version string // the document's address, which holds its hash
	err     error
}

// Version tells one form of a group version's schema from another.
func (t typeConverters) Version(gv schema.GroupVersion) string { return t[gv].version }

var _ managedfields.TypeConverter = typeConverters{}

func (t typeConverters) ObjectToTyped(o runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	gv := o.GetObjectKind().GroupVersionKind().GroupVersion()
	of, ok := t[gv]
	switch {
	case !ok:
		return nil, fmt.Errorf("the schema of %s has not been loaded", gv)
	case of.err != nil:
		return nil, of.err
	}
	return of.types.ObjectToTyped(o, options...)
}

func (t typeConverters) TypedToObject(v *typed.TypedValue) (runtime.Object, error) {
	return managedfields.NewDeducedTypeConverter().TypedToObject(v)
}
