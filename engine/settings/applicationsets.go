package settings

import (
	"fmt"
	"strconv"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// ApplicationSets is what an installation sets for its ApplicationSets, in argocd-cmd-params-cm.
type ApplicationSets struct {
	// Policy is what may be done to generated applications; empty leaves it to the sets. PolicyOverride lets a set say otherwise.
	Policy         argo.ApplicationsSyncPolicy
	PolicyOverride bool
	// Namespaces are globs of those whose sets count beside the control namespace's.
	Namespaces []string
	// AllowedProviders are the addresses of forges that sets may name; empty allows all, but none to sets outside the control
	// namespace. ProvidersOff allows no forge at all.
	AllowedProviders []string
	ProvidersOff     bool
	// StrictTokens reads the tokens of generators only from Secrets that are labelled for that.
	StrictTokens bool
	// RollingOff switches progressive syncs off.
	RollingOff bool
	// Doublestar makes paths of git files globs whose * stays within a folder.
	Doublestar bool
	// RequeueAfter is how often repositories are listed again where a set does not say.
	RequeueAfter time.Duration
	// KeepAnnotations and KeepLabels are left as they are on generated applications.
	KeepAnnotations, KeepLabels []string
	// DryRun has nothing written but the status of sets.
	DryRun bool
	// MaxResources is how many applications the status of a set lists.
	MaxResources int
}

func applicationSetDefaults() ApplicationSets {
	return ApplicationSets{RequeueAfter: 3 * time.Minute, MaxResources: 5000}
}

func (s *ApplicationSets) read(m map[string]string) []error {
	const prefix = "applicationsetcontroller."
	var errs []error
	fail := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s%s: %w", ParametersName, prefix, key, err))
		}
	}
	flag := func(key string, otherwise bool) bool {
		text := m[prefix+key]
		if text == "" {
			return otherwise
		}
		on, err := strconv.ParseBool(text)
		if err != nil {
			fail(key, fmt.Errorf("%q is neither true nor false", text))
			return otherwise
		}
		return on
	}
	switch p := argo.ApplicationsSyncPolicy(m[prefix+"policy"]); p {
	case "", argo.ApplicationsSyncPolicySync, argo.ApplicationsSyncPolicyCreateOnly, argo.ApplicationsSyncPolicyCreateUpdate, argo.ApplicationsSyncPolicyCreateDelete:
		s.Policy = p
	default:
		fail("policy", fmt.Errorf("%q is none of sync, create-only, create-update, create-delete; nothing is updated or deleted", string(p)))
		s.Policy = argo.ApplicationsSyncPolicyCreateOnly
	}
	s.PolicyOverride = flag("enable.policy.override", false)
	s.Namespaces = list(m[prefix+"namespaces"])
	s.AllowedProviders = list(m[prefix+"allowed.scm.providers"])
	s.ProvidersOff = !flag("enable.scm.providers", true)
	s.StrictTokens = flag("enable.tokenref.strict.mode", false)
	s.RollingOff = !flag("enable.progressive.syncs", true)
	s.Doublestar = flag("enable.new.git.file.globbing", false)
	s.DryRun = flag("dryrun", false)
	s.KeepAnnotations, s.KeepLabels = list(m[prefix+"global.preserved.annotations"]), list(m[prefix+"global.preserved.labels"])
	fail("requeue.after", duration(m, prefix+"requeue.after", &s.RequeueAfter))
	if text := m[prefix+"status.max.resources.count"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			fail("status.max.resources.count", fmt.Errorf("%q is no number", text))
		} else if n > 0 {
			s.MaxResources = n
		}
	}
	return errs
}

// PolicyOf is what may be done to the applications of a set.
func (s ApplicationSets) PolicyOf(set *argo.ApplicationSet) argo.ApplicationsSyncPolicy {
	own := set.Spec.SyncPolicy
	if own == nil || own.ApplicationsSync == nil || s.Policy != "" && !s.PolicyOverride {
		return s.Policy
	}
	return *own.ApplicationsSync
}
