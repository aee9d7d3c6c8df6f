package controller

import (
	"net/http"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientrest "k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Mapper is for a manager's MapperProvider. Each read of a manager's cache asks whether its kind lives in namespaces, which takes
// controller-runtime's own mapper longer than the read; the kinds that a manager reads do not change while it runs.
func Mapper(c *clientrest.Config, h *http.Client) (meta.RESTMapper, error) {
	m, err := apiutil.NewDynamicRESTMapper(c, h)
	if err != nil {
		return nil, err
	}
	return &mapper{RESTMapper: m}, nil
}

// mapper remembers what it found of a kind in one version.
type mapper struct {
	meta.RESTMapper
	known sync.Map // of *meta.RESTMapping, by schema.GroupVersionKind
}

func (m *mapper) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if len(versions) != 1 {
		return m.RESTMapper.RESTMapping(gk, versions...)
	}
	key := gk.WithVersion(versions[0])
	if found, ok := m.known.Load(key); ok {
		return found.(*meta.RESTMapping), nil
	}
	found, err := m.RESTMapper.RESTMapping(gk, versions...)
	if err == nil {
		m.known.Store(key, found)
	}
	return found, err
}
