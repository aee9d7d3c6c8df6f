package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// What can be wanted from elsewhere.
const (
	wantChart = "chart"
	wantGit   = "git"
	wantFile  = "file"
)

// Wanted is something from another place, and where the repository asks for it.
type Wanted struct {
	Kind    string // "chart", "git" or "file"
	URL     string // of the chart's repository, the git repository, or the file
	Chart   string // its name
	Version string // of the chart, or a range; of git a branch, tag or commit; empty for the newest and the default branch
	// Try says that there is another reading of the entry: that nothing is there is then an answer, and no fault.
	Try   bool
	Place object.Place
	Field string
}

// ErrLacking says that something was wanted that is not at hand: Request.Fetch has been told all that could be known of.
var ErrLacking = errors.New("what a kustomization names elsewhere is not at hand")

// maxFetched bounds the trees and files of one build.
const maxFetched = 200

// want asks for something. Without a tree and without a fault it is lacking, or not there if a try was made.
func (k *kustomization) want(entry *yaml.Node, w Wanted) (files Files, missing bool, err error) {
	s := k.survey
	fault := k.at(entry, w.Field, "", "")
	switch {
	case s.fetch == nil:
		fault.Message, fault.Hint = secretless(entry.Value)+" would have to be fetched, which is not done here", "copy it into the repository"
		return nil, false, fault
	case len(s.mounts)+len(s.made) > maxFetched:
		fault.Message = fmt.Sprintf("more than %d places are named from which to fetch", maxFetched)
		return nil, false, fault
	}
	w.Place = fault.Place
	w.Place.File = s.shown(w.Place.File)
	files, ok := s.fetch(w)
	switch {
	case !ok:
		s.lacking = true
	case files == nil && !w.Try:
		fault.Message = secretless(entry.Value) + " is not there"
		return nil, false, fault
	}
	return files, ok && files == nil, nil
}

// secretless is an address without what may let somebody in: a user of the web can be a token.
func secretless(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || strings.EqualFold(scheme, "ssh") && !strings.Contains(rest, ":") {
		return address
	}
	host, dir, deeper := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if !deeper {
		return scheme + "://" + host
	}
	return scheme + "://" + host + "/" + dir
}

// permitted refuses addresses that nothing is fetched from, whoever asks.
func (k *kustomization) permitted(entry *yaml.Node, name, address string) error {
	scheme, rest, ok := strings.Cut(address, "://")
	scheme = strings.ToLower(scheme)
	if ok && scheme != "https" && scheme != "ssh" {
		return k.at(entry, name, secretless(entry.Value)+" is not fetched: only https and ssh addresses are", "copy it into the repository")
	}
	if host, _, _ := strings.Cut(rest, "/"); scheme == "https" && strings.Contains(host, "@") && strings.Contains(host[:strings.LastIndexByte(host, '@')], ":") {
		return k.at(entry, name, "an address with a password in it is not fetched", "register the repository with its credentials instead")
	}
	return nil
}

// clone puts a repository that an entry names into the build. Without a folder and an error it is lacking, or missing.
func (k *kustomization) clone(entry *yaml.Node, name string, r Remote, try bool) (dir string, missing bool, err error) {
	if err := k.permitted(entry, name, r.URL); err != nil {
		return "", false, err
	}
	s := k.survey
	key := Wanted{Kind: wantGit, URL: r.URL, Version: r.Ref}
	at, ok := s.fetched[key]
	if !ok {
		w := key
		w.Try, w.Field = try, name
		files, missing, err := k.want(entry, w)
		if err != nil || files == nil {
			return "", missing, err
		}
		at = fmt.Sprintf("%s/%d", fetchedDir, len(s.mounts)+1)
		s.mounts = append(s.mounts, mount{at: at, files: files, from: r})
		s.fetched[key] = at
	}
	dir = path.Join(at, r.Dir)
	info, err := s.Stat(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, fileFault(err, dir)
	}
	if err != nil || !info.IsDir() {
		return "", false, k.at(entry, name, r.Shown()+": there is no such folder in that repository", "")
	}
	return dir, false, nil
}

// download puts a file that an entry names by its address beside the kustomization. Without a name and an error it is lacking, or missing.
func (k *kustomization) download(entry *yaml.Node, name, address string, try bool) (file string, missing bool, err error) {
	if err := k.permitted(entry, name, address); err != nil {
		return "", false, err
	}
	s := k.survey
	key := Wanted{Kind: wantFile, URL: address}
	w := key
	w.Try, w.Field = try, name
	files, missing, err := k.want(entry, w)
	if err != nil || files == nil {
		return "", missing, err
	}
	text, err := files.ReadFile("content")
	if err != nil {
		return "", false, fmt.Errorf("reading what was fetched for %s: %w", name, err)
	}
	base := fmt.Sprintf("%s-%d.yaml", fetchedDir, len(s.made)+1)
	file = path.Join(k.dir, base)
	s.put(file, text)
	s.addresses[file] = secretless(address)
	return base, false, nil
}

// rewrite makes an entry name something else.
func (k *kustomization) rewrite(entry *yaml.Node, value string) {
	*entry = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: entry.Line, Column: entry.Column}
	k.changed = true
}

// relative is a folder as seen from another; both are names without symbolic links.
func relative(from, to string) string {
	if from == "." {
		return to
	}
	return strings.Repeat("../", strings.Count(from, "/")+1) + to
}

// elsewhere is what an entry of resources may be that is no name in the repository.
func (k *kustomization) elsewhere(entry *yaml.Node) (r Remote, isGit, isFile bool) {
	r, isGit = ParseRemote(entry.Value)
	return r, isGit, web(entry.Value)
}

// remoteResource takes a resource from elsewhere: a file if there is one at the address, else a repository, as kustomize does.
func (k *kustomization) remoteResource(entry *yaml.Node, name string, r Remote, isGit, isFile bool) (dir, file string, err error) {
	how := asFile
	switch {
	case !isFile:
		how = onlyGit
	case isGit:
		how = r.form(entry.Value)
	}
	missing := false
	if how != asFile {
		if dir, missing, err = k.clone(entry, name, r, how == asGit); err != nil || !missing {
			return dir, "", err
		}
		file, _, err = k.download(entry, name, entry.Value, false)
		return "", file, err
	}
	if file, missing, err = k.download(entry, name, entry.Value, isGit); err != nil || !missing {
		return "", file, err
	}
	dir, _, err = k.clone(entry, name, r, false)
	return dir, "", err
}

// shown puts what people know something by in place of where it was put.
func (s *survey) shown(text string) string {
	for _, m := range slices.Backward(s.mounts) {
		if m.from.URL != "" && strings.Contains(text, m.at) {
			text = strings.ReplaceAll(text, m.at+"/", secretless(m.from.URL)+"//")
			text = strings.ReplaceAll(text, m.at, secretless(m.from.URL))
		}
	}
	for file, address := range s.addresses {
		text = strings.ReplaceAll(text, file, address)
	}
	return text
}
