package project

import (
	"fmt"
	"strings"

	"github.com/gobwas/glob"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Signatures are what a project asks the commits of a Git repository to be signed with.
type Signatures struct {
	// Keys are ids of keys, one of which must have signed.
	Keys []string
	// History asks it of all commits up to the revision, not of the revision alone.
	History bool
}

// Signatures are what the project asks of a Git repository; nil is nothing. Its sourceIntegrity goes before its signatureKeys, which are asked
// of every repository. The error is of a project that contradicts itself: then nothing of the repository may be used.
func (p Permits) Signatures(repoURL string) (*Signatures, error) {
	si := p.spec.SourceIntegrity
	if si == nil {
		if len(p.spec.SignatureKeys) == 0 {
			return nil, nil
		}
		s := &Signatures{}
		for _, k := range p.spec.SignatureKeys {
			s.Keys = append(s.Keys, k.KeyID)
		}
		return s, nil
	}
	if si.Git == nil {
		return nil, nil
	}
	var found []argo.SourceIntegrityGitPolicy
	for _, policy := range si.Git.Policies {
		if covers(policy.Repos, repoURL) {
			found = append(found, policy)
		}
	}
	switch {
	case len(found) > 1:
		return nil, fmt.Errorf("multiple (%d) git source integrity policies found for repo URL: %s", len(found), repoURL)
	case len(found) == 0, found[0].GPG == nil:
		return nil, nil
	}
	switch gpg := found[0].GPG; gpg.Mode {
	case argo.SourceIntegrityGitPolicyGPGModeNone:
		return nil, nil
	case argo.SourceIntegrityGitPolicyGPGModeHead, argo.SourceIntegrityGitPolicyGPGModeStrict:
		return &Signatures{Keys: gpg.Keys, History: gpg.Mode == argo.SourceIntegrityGitPolicyGPGModeStrict}, nil
	default:
		return nil, fmt.Errorf("unknown GPG mode %q configured for GIT source integrity", gpg.Mode)
	}
}

// covers says whether a policy is for a repository: one of its globs matches, and none of those that begin with "!". Addresses are held
// against them as written and as they are normalised: a policy must not be got around by writing a repository's address in another way.
func covers(repos []argo.SourceIntegrityGitPolicyRepo, repoURL string) bool {
	covered := false
	for _, r := range repos {
		pattern, denies := strings.CutPrefix(r.URL, "!")
		hit := matchGlob(pattern, repoURL) || matchGlob(normalizeURL(pattern), normalizeURL(repoURL))
		if _, err := glob.Compile(pattern); err != nil {
			hit = !denies // a typing error must not let by what it was to stop
		}
		if hit && denies {
			return false
		}
		covered = covered || hit
	}
	return covered
}
