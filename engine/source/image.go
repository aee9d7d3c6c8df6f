package source

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/slipway-cd/slipway/engine/object"
)

// How long answers about images are believed: one that is there may be overwritten, one that is missing is being built. A digest never
// names anything else, and a registry that cannot be asked is left alone for a while.
const (
	imageThere   = 5 * time.Minute
	imageMissing = 5 * time.Second
	imageUntold  = 2 * time.Minute
	imagesKept   = 10_000
	// imageAsked bounds one question.
	imageAsked = 8 * time.Second
)

// images are answers of registries.
type images struct {
	mu  sync.Mutex
	all map[imageKey]imageAnswer
}

type imageKey struct{ reference, project string }

type imageAnswer struct {
	found bool
	err   error
	until time.Time
}

// Image asks a registry whether it has an image, with the credentials that are registered for its repository and open to the project, or
// with none. It reads the manifest's head only. An *object.Fault says why it cannot be told; so does any other error, which is the world's.
func (s *Sources) Image(ctx context.Context, reference, project string) (found bool, err error) {
	key := imageKey{reference, project}
	now := s.deps.Now()
	// A registry that is out of reach is so for all of its images.
	host := imageKey{strings.SplitN(wholeReference(reference), "/", 2)[0], ""}
	for _, k := range []imageKey{key, host} {
		if have, ok := s.images.find(k, now); ok {
			return have.found, have.err
		}
	}
	found, err = s.askForImage(ctx, reference, project)
	if err != nil && ctx.Err() != nil {
		return false, err // a caller's haste says nothing about the registry
	}
	keep := imageMissing
	switch {
	case err != nil:
		keep = imageUntold
	case found && strings.Contains(reference, "@sha256:"):
		keep = 24 * time.Hour
	case found:
		keep = imageThere
	}
	if _, told := object.AsFault(err); err != nil && !told {
		key = host
	}
	s.images.keep(key, imageAnswer{found, err, now.Add(keep)})
	return found, err
}

func (i *images) find(k imageKey, now time.Time) (imageAnswer, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a, ok := i.all[k]
	return a, ok && now.Before(a.until)
}

func (i *images) keep(k imageKey, a imageAnswer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.all == nil || len(i.all) >= imagesKept {
		i.all = map[imageKey]imageAnswer{}
	}
	i.all[k] = a
}

func (s *Sources) askForImage(ctx context.Context, reference, project string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, imageAsked)
	defer cancel()
	repo, err := remote.NewRepository(wholeReference(reference))
	if err != nil {
		return false, &object.Fault{Message: "it is not the reference of an image"}
	}
	r := s.deps.Registered(ctx, "oci://"+repo.Reference.Registry+"/"+repo.Reference.Repository, project)
	repo.PlainHTTP = r.Known && r.OCIPlainHTTP
	c, err := s.deps.Network.client(r, repo.PlainHTTP)
	if err != nil {
		return false, err
	}
	defer c.CloseIdleConnections()
	repo.Client = &auth.Client{Client: c, Credential: auth.StaticCredential(repo.Reference.Host(), credentialOf(r)), Cache: auth.NewCache(), ClientID: "slipway"}
	_, err = repo.Manifests().Resolve(ctx, repo.Reference.ReferenceOrDefault())
	return imageTold(err)
}

func credentialOf(r Registration) auth.Credential {
	if r.BearerToken != "" && r.Username == "" {
		return auth.Credential{AccessToken: string(r.BearerToken)}
	}
	return auth.Credential{Username: r.Username, Password: string(r.Password)}
}

// wholeReference is a reference with what container runtimes take for granted: Docker Hub, its library, and the tag latest.
func wholeReference(reference string) string {
	first, rest, nested := strings.Cut(reference, "/")
	if !nested || !strings.ContainsAny(first, ".:") && first != "localhost" {
		first, rest = "docker.io", reference
	}
	if first == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	if !strings.ContainsAny(rest[strings.LastIndexByte(rest, '/')+1:], ":@") {
		rest += ":latest"
	}
	return first + "/" + rest
}

// imageTold is what a registry's answer says of an image. A login that we do not have hides what there is.
func imageTold(err error) (found bool, _ error) {
	told := registryError(err, Query{})
	var code status
	var no refusal
	var dns *net.DNSError
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errdef.ErrNotFound):
		return false, nil
	case errors.As(told, &code) && (code == 401 || code == 403):
		return false, &object.Fault{Message: "its registry asks for a login, and none is registered that it takes"}
	case errors.As(told, &code) && code == 429:
		return false, &object.Fault{Message: "its registry asks to wait"}
	case errors.As(err, &no):
		return false, &object.Fault{Message: "its registry is not asked: " + no.Error()}
	case errors.As(err, &dns) && dns.IsNotFound:
		return false, &object.Fault{Message: "there is no such registry"}
	}
	return false, err
}
