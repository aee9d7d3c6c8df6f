package render

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// RemoteKind is what lies at a remote.
type RemoteKind string

// The kinds of remotes.
const (
	RemoteChart RemoteKind = "chart" // a chart of a Helm repository or OCI registry; its tree has Chart.yaml at the root
	RemoteGit   RemoteKind = "git"   // a Git repository at a revision
	RemoteFile  RemoteKind = "file"  // one file; its tree has it under the name RemoteContent
)

// RemoteContent is the name of the only file in the tree of a RemoteFile.
const RemoteContent = "content"

// Remote is something that a render needs from another place than the trees of its request.
type Remote struct {
	Kind RemoteKind `json:"kind"`
	// URL is, as it is written: of a chart its repository ("https://…", "oci://…", "@name", "alias:name"), of Git the repository, or
	// the file's own.
	URL   string `json:"url"`
	Chart string `json:"chart,omitempty"` // its name
	// Version is a chart's version or range, or a Git revision, where empty is the default branch.
	Version string `json:"version,omitempty"`
}

// String names a remote to people, without credentials.
func (m Remote) String() string {
	where := withoutSecrets(m.URL)
	switch m.Kind {
	case RemoteChart:
		return strings.TrimSpace("chart "+m.Chart+" "+m.Version) + " of " + cmp.Or(where, "no repository")
	case RemoteGit:
		return strings.TrimSpace("repository " + where + " " + m.Version)
	default:
		return where
	}
}

// withoutSecrets is a URL without user, query and fragment, any of which may hold a token.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		if i := strings.LastIndexByte(raw, '@'); i > 0 {
			raw = raw[i+1:]
		}
		raw, _, _ = strings.Cut(raw, "?")
		return raw
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// fixed says whether a remote is the same for ever: an outage then takes nothing away from a result that was made with it.
func (m Remote) fixed() bool {
	switch m.Kind {
	case RemoteChart:
		_, err := semver.StrictNewVersion(strings.TrimPrefix(m.Version, "v"))
		return err == nil
	case RemoteGit:
		return git.Hash(m.Version).IsFull()
	}
	return false
}

// key names a remote, whatever its URL holds.
func (m Remote) key() string {
	h := sha256.New()
	write(h, string(m.Kind), m.URL, m.Chart, m.Version)
	return hex.EncodeToString(h.Sum(nil))
}

// tree is the name of a remote's tree in a library, beside "" and the names of refs.
func (m Remote) tree() string { return remotePrefix + m.key() }

const remotePrefix = "remote "

// Used is a remote that a result was made with.
type Used struct {
	Remote   Remote
	Revision string // what it was resolved to
	Trace    git.Trace
}

// secretive says whether the remote's URL may hold a token, which is kept nowhere but in memory.
func (u Used) secretive() bool {
	if !strings.Contains(u.Remote.URL, "://") {
		return false // a name, or a repository as ssh writes it
	}
	at, err := url.Parse(u.Remote.URL)
	if err != nil || at.RawQuery != "" {
		return true
	}
	_, password := at.User.Password()
	return password || at.User != nil && at.Scheme != "ssh"
}

// Bounds of what one render may ask for.
const (
	maxRounds    = 6
	maxRemotes   = 60
	maxRemoteURL = 4 << 10
	fetchTimeout = 4 * time.Minute // for all of a round
	fetchAtOnce  = 8
)

// lack is a remote that a worker wants and does not have, and where the repository asks for it.
type lack struct {
	Remote Remote
	Place  object.Place
	Field  string
	// Try says that the worker can do without it: that it is not there is an answer.
	Try bool
}

// fault is what stands in a lack's way, where the repository asks for it.
func (l lack) fault(message, hint string) *object.Fault {
	return &object.Fault{Place: l.Place, Field: l.Field, Message: message, Hint: hint}
}

// UnreachableError says that what a render needs from elsewhere could not be had, for no fault of the repository's. It may be had later.
type UnreachableError struct {
	lack lack
	err  error
}

func (e *UnreachableError) Error() string {
	return "fetching " + e.lack.Remote.String() + ": " + e.err.Error()
}

func (e *UnreachableError) Unwrap() error { return e.err }

// Fault shows it where the repository asks for what could not be had, for those who cannot wait.
func (e *UnreachableError) Fault() *object.Fault {
	return e.lack.fault(e.lack.Remote.String()+" could not be fetched: "+e.err.Error(), "it is tried again with the next report")
}

// opener opens a request's remotes, each once.
type opener struct {
	open func(context.Context, Remote) (*git.Tree, error)
	got  map[Remote]opened
}

type opened struct {
	tree *git.Tree
	err  error
}

func newOpener(open func(context.Context, Remote) (*git.Tree, error)) *opener {
	return &opener{open: open, got: map[Remote]opened{}}
}

// all opens remotes at the same time. What went wrong stays with each.
func (o *opener) all(ctx context.Context, remotes []Remote) map[Remote]opened {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, errors.New("fetching took longer than "+fetchTimeout.String()))
	defer cancel()
	fresh := slices.DeleteFunc(slices.Clone(remotes), func(m Remote) bool { _, has := o.got[m]; return has })
	found := make([]opened, len(fresh))
	var group errgroup.Group
	group.SetLimit(fetchAtOnce)
	for i, m := range fresh {
		group.Go(func() error {
			found[i].tree, found[i].err = o.one(ctx, m)
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	for i, m := range fresh {
		o.got[m] = found[i]
	}
	return o.got
}

// ErrOutage is in the chain of an error of Request.Remote when the remote may be had, but cannot be reached now. A result that was made
// with something that never changes is used again in spite of it; whatever else Remote answers takes the result away.
var ErrOutage = errors.New("no answer")

var errNotFetched = errors.New("nothing is fetched here")

func (o *opener) one(ctx context.Context, m Remote) (*git.Tree, error) {
	if o.open == nil {
		return nil, errNotFetched
	}
	tree, err := o.open(ctx, m)
	if err == nil && tree == nil {
		err = errNotFetched
	}
	return tree, err
}

// elsewhere is what a render has got from elsewhere so far.
type elsewhere struct {
	remotes *opener
	trees   map[Remote]*git.Tree
	missing []Remote // that were tried, and are not there
}

// known are the remotes at hand, for a job.
func (e *elsewhere) known() []Remote {
	return slices.SortedFunc(maps.Keys(e.trees), func(a, b Remote) int { return cmp.Compare(a.key(), b.key()) })
}

// used is what a result was made with.
func (e *elsewhere) used() []Used {
	var all []Used
	for _, m := range e.known() {
		all = append(all, Used{Remote: m, Revision: e.trees[m].Revision()})
	}
	return all
}

// fetch gets what a worker lacks into the library. A fault is the repository's or the project's; an error the world's.
func (e *elsewhere) fetch(ctx context.Context, lacks []lack, into library) error {
	if err := e.bounded(lacks); err != nil {
		return err
	}
	wanted := make([]Remote, 0, len(lacks))
	for _, l := range lacks {
		if !slices.Contains(wanted, l.Remote) {
			wanted = append(wanted, l.Remote)
		}
	}
	got := e.remotes.all(ctx, wanted)
	for _, l := range lacks {
		o := got[l.Remote]
		if errors.Is(o.err, errNotFetched) {
			return l.fault(l.Remote.String()+" is not fetched here", "")
		}
		f, isFault := object.AsFault(o.err)
		if isFault && l.Try {
			e.missing = append(e.missing, l.Remote)
			continue
		}
		if isFault {
			return l.fault(f.Message, f.Hint)
		}
		if o.err != nil {
			return &UnreachableError{lack: l, err: o.err}
		}
		name := l.Remote.tree()
		if _, taken := into[name]; taken && e.trees[l.Remote] == nil {
			return l.fault("a ref has the name "+name, "")
		}
		e.trees[l.Remote] = o.tree
		if into[name] == nil {
			into[name] = o.tree.Traced()
		}
	}
	return nil
}

// bounded refuses what no repository needs. A worker that strangers may have taken over asks here.
func (e *elsewhere) bounded(lacks []lack) error {
	if len(lacks) > maxRemotes || len(e.trees)+len(e.missing)+len(lacks) > maxRemotes {
		return lacks[0].fault(fmt.Sprintf("more than %d charts, repositories and files would have to be fetched", maxRemotes), "")
	}
	for _, l := range lacks {
		m := l.Remote
		if len(m.URL) > maxRemoteURL || len(m.Chart) > maxRemoteURL || len(m.Version) > maxRemoteURL || strings.ContainsAny(m.URL+m.Chart+m.Version, "\x00\r\n") {
			return l.fault("what is to be fetched has no name that can be used", "")
		}
		if !slices.Contains([]RemoteKind{RemoteChart, RemoteGit, RemoteFile}, m.Kind) {
			return l.fault(fmt.Sprintf("there are no remotes of the kind %.20q", m.Kind), "")
		}
		if e.trees[m] != nil || slices.Contains(e.missing, m) {
			return fmt.Errorf("a render worker asks again for %s", m)
		}
	}
	return nil
}
