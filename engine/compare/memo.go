package compare

import (
	"hash/maphash"
	"maps"
	"math"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Memo remembers which objects were found as desired, so that looking again at what has not changed costs a look-up. Its zero value
// is ready, and it is safe for concurrent use.
type Memo struct {
	mu    sync.Mutex
	seeds [2]maphash.Seed
	// Two generations: what was not asked for since the last but one turn is forgotten.
	young, old map[memoKey]struct{}
}

// memoKey is all that a verdict depends on, as hashes that only this process can predict.
type memoKey [2]uint64

// memoMost is how many verdicts one generation holds: some 40 bytes each.
const memoMost = 200_000

// Drift is Drift, remembering that an object of that resource version was Synced with that desired form under those options, or
// one that differs from it in nothing but its status.
func (m *Memo) Drift(id object.ID, desired, live *unstructured.Unstructured, o Options) (Sync, error) {
	if desired == nil || live == nil || live.GetUID() == "" || live.GetResourceVersion() == "" {
		return Drift(id, desired, live, o)
	}
	synced := Sync{Status: Synced, Difference: Difference{ID: id, Kind: Unchanged, Hook: hookOf(live, desired)}}
	key := m.key(desired, live, o, live.GetResourceVersion())
	if m.knows(key) {
		return synced, nil
	}
	same := m.key(desired, live, o, m.unmoved(live))
	if !o.status(id) && m.knows(same) { // only its status has changed
		m.keep(key)
		return synced, nil
	}
	s, err := Drift(id, desired, live, o)
	if err == nil && s.Status == Synced {
		m.keep(key, same)
	}
	return s, err
}

// unmoved stands for all of a live object but its status and what changes with it.
func (m *Memo) unmoved(live *unstructured.Unstructured) string {
	content := maps.Clone(live.Object)
	delete(content, "status")
	metadata, _ := content["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	content["metadata"] = metadata
	delete(metadata, "resourceVersion")
	entries, _ := metadata["managedFields"].([]any)
	var kept []any
	for _, e := range entries {
		if entry, ok := e.(map[string]any); ok && entry["subresource"] == nil {
			entry = maps.Clone(entry)
			delete(entry, "time")
			kept = append(kept, entry)
		}
	}
	metadata["managedFields"] = kept
	out := "content"
	for _, seed := range m.secrets() {
		out += " " + strconv.FormatUint(Digest(seed, content), 36)
	}
	return out
}

// secrets are the seeds of the hashes, made once.
func (m *Memo) secrets() [2]maphash.Seed {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seeds == [2]maphash.Seed{} {
		m.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	return m.seeds
}

// Settled notes that the server's answer found live as desired, so that it is not asked again.
func (m *Memo) Settled(desired, live *unstructured.Unstructured, o Options) {
	if live.GetUID() != "" && live.GetResourceVersion() != "" {
		m.keep(m.key(desired, live, o, live.GetResourceVersion()), m.key(desired, live, o, m.unmoved(live)))
	}
}

func (m *Memo) knows(key memoKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.young[key]; ok {
		return true
	}
	_, ok := m.old[key]
	if ok {
		m.add(key)
	}
	return ok
}

func (m *Memo) keep(keys ...memoKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		m.add(key)
	}
}

func (m *Memo) add(key memoKey) {
	if len(m.young) >= memoMost {
		m.old, m.young = m.young, nil
	}
	if m.young == nil {
		m.young = map[memoKey]struct{}{}
	}
	m.young[key] = struct{}{}
}

// key is that of a verdict on live as it is in a version.
func (m *Memo) key(desired, live *unstructured.Unstructured, o Options, version string) memoKey {
	seeds := m.secrets()
	rules := rulesFor(object.IDOf(desired), o.Ignore)
	var out memoKey
	for i, seed := range seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, s := range []string{live.GetAPIVersion(), string(live.GetUID()), version, string(o.Strategy), o.Status, versionOf(o.Schema, desired)} {
			writeString(&h, s)
		}
		writeStrings(&h, o.TakeOver)
		writeStrings(&h, o.Known.names(desired.GroupVersionKind().GroupKind()))
		for _, flag := range []bool{o.ClientSide, o.IncludeMutationWebhook, o.IgnoreAggregatedRoles} {
			writeBool(&h, flag)
		}
		writeRules(&h, rules)
		writeUint(&h, Digest(seed, desired.Object))
		out[i] = h.Sum64()
	}
	return out
}

// versionOf is the version of the schema of an object's kind, from a schema that tells it.
func versionOf(s Schema, u *unstructured.Unstructured) string {
	versioned, ok := s.(interface {
		Version(gv schema.GroupVersion) string
	})
	if !ok {
		return ""
	}
	return versioned.Version(u.GroupVersionKind().GroupVersion())
}

func writeRules(h *maphash.Hash, rules []argo.ResourceIgnoreDifferences) {
	for _, r := range rules {
		for _, list := range [][]string{r.JSONPointers, r.JQPathExpressions, r.ManagedFieldsManagers} {
			writeStrings(h, list)
		}
	}
}

// Digest hashes a decoded value; the order of a map's keys does not matter.
func Digest(seed maphash.Seed, v any) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	switch x := v.(type) {
	case map[string]any:
		var sum uint64
		for k, v := range x {
			var entry maphash.Hash
			entry.SetSeed(seed)
			writeString(&entry, k)
			writeUint(&entry, Digest(seed, v))
			sum += entry.Sum64()
		}
		writeString(&h, "map")
		writeUint(&h, uint64(len(x)))
		writeUint(&h, sum)
	case []any:
		writeString(&h, "list")
		for _, v := range x {
			writeUint(&h, Digest(seed, v))
		}
	case string:
		writeString(&h, "text")
		writeString(&h, x)
	case int64:
		writeString(&h, "int")
		writeUint(&h, uint64(x))
	case float64:
		writeString(&h, "float")
		writeUint(&h, math.Float64bits(x))
	case bool:
		writeBool(&h, x)
	}
	return h.Sum64()
}

// The writers below never fail: a maphash takes everything.

func writeString(h *maphash.Hash, s string) {
	writeUint(h, uint64(len(s)))
	_, _ = h.WriteString(s)
}

func writeStrings(h *maphash.Hash, list []string) {
	writeUint(h, uint64(len(list)))
	for _, s := range list {
		writeString(h, s)
	}
}

func writeUint(h *maphash.Hash, n uint64) {
	for i := range 8 {
		_ = h.WriteByte(byte(n >> (8 * i)))
	}
}

func writeBool(h *maphash.Hash, b bool) {
	if b {
		_ = h.WriteByte(1)
	} else {
		_ = h.WriteByte(2)
	}
}
