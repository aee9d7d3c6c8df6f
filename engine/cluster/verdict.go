package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/engine/health"
)

// verdict is what a script said of one form of an object. It goes with the record, so it is asked for again only when the object has
// changed, or the rules.
type verdict struct {
	mu sync.Mutex
	by *health.Rules
	is *health.Health
}

// scriptsTime is how long the scripts of one tree may take together. What they have said by then is known the next time.
const scriptsTime = 5 * time.Second

// untold is the health of what no script has judged in that time.
const untold = "the scripts of this application's kinds take too long, it is not judged yet"

// judged asks the installation's scripts about the objects of their kinds. The others keep the health that they have.
func (c *Cluster) judged(ctx context.Context, nodes []Node, rules *health.Rules) []Node {
	timed, cancel := context.WithTimeout(ctx, scriptsTime)
	defer cancel()
	for i, n := range nodes {
		if n.of.script != nil && rules.Customized(n.ID.GroupKind()) {
			nodes[i].Health = c.cache.recorder.verdict(timed, n.of, rules)
		}
	}
	return nodes
}

// verdict gives what the script says of a record that has its object.
func (r *recorder) verdict(ctx context.Context, o *record, rules *health.Rules) *health.Health {
	v := o.script
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.by == rules {
		return v.is
	}
	if ctx.Err() != nil {
		return &health.Health{Status: health.Unknown, Message: untold}
	}
	u, err := r.unpack(o)
	if err != nil {
		return &health.Health{Status: health.Unknown, Message: err.Error()}
	}
	is := rules.Of(ctx, u)
	if ctx.Err() != nil { // it was ended, and said nothing of the object
		return &health.Health{Status: health.Unknown, Message: untold}
	}
	v.by, v.is = rules, is
	return is
}
