package health

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func otherDeeds(kind schema.GroupKind) []deed {
	stamped := func(w *work) string { return w.stamp() }
	switch kind {
	case schema.GroupKind{Group: "external-secrets.io", Kind: "ExternalSecret"}:
		return []deed{annotating("refresh", "", forceSync, stamped).disabledIf(func(s subject) bool {
			return never(s) && s.text("spec", "refreshPolicy") != "OnChange"
		})}
	case schema.GroupKind{Group: "external-secrets.io", Kind: "PushSecret"}:
		return []deed{annotating("push", "", forceSync, stamped).disabledIf(never)}
	case schema.GroupKind{Group: "core.strimzi.io", Kind: "StrimziPodSet"}:
		const rolling = "strimzi.io/manual-rolling-update"
		return []deed{annotating("rolling-update", "", rolling, always("true")).disabledIf(func(s subject) bool {
			return s.text("metadata", "annotations", rolling) == "true"
		})}
	case schema.GroupKind{Group: "k8s.mariadb.com", Kind: "MariaDB"}:
		deeds := suspension(false, [2]string{iconHold, iconStart}, "spec", "suspend")
		return []deed{deeds[0].called("Suspend"), deeds[1].called("Resume")}
	case schema.GroupKind{Group: "psmdb.percona.com", Kind: "PerconaServerMongoDB"}:
		paused := holds("spec", "pause")
		return []deed{setting("pause", iconPause, true, "spec", "pause").disabledIf(paused), setting("unpause", iconPlay, false, "spec", "pause").disabledIf(not(paused))}
	case schema.GroupKind{Group: "promoter.argoproj.io", Kind: "PullRequest"}:
		return []deed{setting("merge", "fa fa-fw fa-code-merge", "merged", "spec", "state").called("Merge PR").disabledIf(func(s subject) bool {
			return s.text("spec", "state") != "open"
		})}
	case schema.GroupKind{Group: "postgresql.cnpg.io", Kind: "Cluster"}:
		return postgresDeeds()
	}
	return nil
}

// never says that a secret asks not to be refreshed: its interval is nothing.
func never(s subject) bool {
	interval := s.text("spec", "refreshInterval")
	return interval == "0" || slices.Contains([]string{"ns", "us", "µs", "ms", "s", "m", "h"}, strings.TrimPrefix(interval, "0")) && strings.HasPrefix(interval, "0")
}

func postgresDeeds() []deed {
	stopped := func(s subject) bool { return s.text("metadata", "annotations", loopOfCNPG) == "disabled" }
	resume := deed{Action: Action{Name: "resume", Icon: iconStart}, do: func(w *work) error {
		w.remove("metadata", "annotations", loopOfCNPG)
		return nil
	}}
	promote := deed{Action: Action{Name: "promote", Icon: "fa fa-fw fa-angles-up"}, do: promoteInstance,
		asks: func(subject) []Param { return []Param{{Name: "instance", Default: "any"}} }}
	return []deed{
		annotating("restart", "fa fa-fw fa-recycle", restarted, (*work).stamp).called("Rollout restart Cluster"),
		annotating("reload", "fa fa-fw fa-rotate-right", "cnpg.io/reloadedAt", (*work).stamp).called("Reload all Configuration"),
		promote.called("Promote Replica to Primary").disabledIf(func(s subject) bool { return len(s.list("status", "instancesStatus", "healthy")) < 2 }),
		resume.called("Resume Reconciliation").onlyIf(stopped),
		annotating("suspend", iconHold, loopOfCNPG, always("disabled")).called("Suspend Reconciliation").onlyIf(not(stopped)),
	}
}

// promoteInstance asks for a switch-over: to the healthy instance after the primary, or to one that is named by name or by number.
func promoteInstance(w *work) error {
	s := subjectOf(w.object.Object)
	healthy := s.list("status", "instancesStatus", "healthy")
	wanted := w.params["instance"]
	chosen := ""
	switch i := slices.Index(healthy, any(s.text("status", "currentPrimary"))); {
	case wanted == "any" && len(healthy) > 0:
		chosen = plain(healthy[(i+1)%len(healthy)])
	case slices.Contains(healthy, any(wanted)):
		chosen = wanted
	case slices.Contains(healthy, any(w.object.GetName()+"-"+wanted)):
		chosen = w.object.GetName() + "-" + wanted
	default:
		return fmt.Errorf("could not find a healthy instance matching the criteria: %s", wanted)
	}
	for field, v := range map[string]string{"targetPrimary": chosen, "targetPrimaryTimestamp": w.stamp(), "phase": "Switchover in progress",
		"phaseReason": "Switching over to " + chosen} {
		if err := w.set(v, "status", field); err != nil {
			return err
		}
	}
	return nil
}

const (
	numaPromote  = "numaplane.numaproj.io/force-promote"
	numaState    = "numaplane.numaproj.io/upgrade-state"
	numaDelete   = "numaplane.numaproj.io/marked-for-deletion"
	numaResume   = "numaflow.numaproj.io/resume-strategy"
	numaAllowed  = "numaflow.numaproj.io/allowed-resume-strategies"
	numaDataLoss = "numaplane.numaproj.io/allow-data-loss"
)

// numaDeeds are those of Numaflow, and of Numaplane that rolls it out.
func numaDeeds(kind string) []deed {
	promote := setting("force-promote", iconSolid+"forward", "true", "metadata", "labels", numaPromote).disabledIf(func(s subject) bool {
		state := s.text("metadata", "labels", numaState)
		return state != "in-progress" && state != "trial" || s.text("metadata", "labels", numaPromote) == "true"
	})
	state := func(states ...string) func(subject) bool {
		return func(s subject) bool { return slices.Contains(states, s.text("metadata", "labels", numaState)) }
	}
	switch kind {
	case "InterStepBufferService":
		return []deed{promote}
	case "MonoVertex":
		own := func(s subject) bool { return !ownedBy(s, "MonoVertexRollout") }
		return append(numaPause(own, nil, func(w *work, fast bool) error {
			if !fast {
				w.remove("spec", "replicas")
			}
			return nil
		}), promote.called("Force Promote"))
	case "Pipeline":
		own := func(s subject) bool { return !ownedBy(s, "PipelineRollout") || state("recyclable-expired")(s) }
		remove := annotating("delete", iconSolid+"trash", numaDelete, always("true")).called("Delete")
		return append(numaPause(own, nil, func(w *work, fast bool) error {
			if fast {
				return w.annotate(numaResume, "fast")
			}
			return w.annotate(numaResume, "slow")
		}), promote.called("Force Promote"), remove.disabledIf(not(state("recyclable", "recyclable-expired"))))
	case "MonoVertexRollout":
		return numaPause(nil, []string{"spec", "monoVertex"}, resumeRolledOut)
	case "PipelineRollout":
		allowed := func(s subject) bool { return s.text("metadata", "annotations", numaDataLoss) == "true" }
		allow := annotating("allow-data-loss", iconSolid+"unlock", numaDataLoss, always("true")).called("Allow (Possible) Data Loss")
		disallow := annotating("disallow-data-loss", iconSolid+"lock", numaDataLoss, always("false")).called("Disallow Data Loss")
		return append(numaPause(nil, []string{"spec", "pipeline"}, resumeRolledOut),
			allow.disabledIf(func(s subject) bool { return s.text("status", "upgradeInProgress") != "PipelinePauseAndDrain" }), disallow.disabledIf(not(allowed)))
	}
	return nil
}

func resumeRolledOut(w *work, fast bool) error {
	return w.set(fast, "spec", "strategy", "pauseResume", "fastResume")
}

// numaPause are the deeds that stop a pipeline and let it go on, at once or by and by. own says whether the object may be told directly,
// inside is where the pipeline is in it, and further is what else resuming does.
func numaPause(own func(subject) bool, inside []string, further func(w *work, fast bool) error) []deed {
	phase := append(slices.Clone(inside), "spec", "lifecycle", "desiredPhase")
	strategies := append(slices.Clone(inside), "metadata", "annotations", numaAllowed)
	if inside == nil {
		strategies = append([]string{"spec"}, strategies...)
	}
	free := func(s subject) bool { return own == nil || own(s) }
	paused := func(s subject) bool { return s.text(phase...) == "Paused" }
	unpause := func(name, display string, fast bool, allowed func(strategies string) bool) deed {
		return deed{Action: Action{Name: name, DisplayName: display, Icon: iconSolid + "play"},
			unless: func(s subject) bool { return !free(s) || !paused(s) || !allowed(s.text(strategies...)) },
			do: func(w *work) error {
				if err := w.set("Running", phase...); err != nil {
					return err
				}
				return further(w, fast)
			}}
	}
	return []deed{
		setting("pause", iconSolid+"pause", "Paused", phase...).disabledIf(func(s subject) bool { return !free(s) || paused(s) }),
		unpause("unpause-gradual", "Unpause (gradual)", false, func(allowed string) bool { return allowed != "fast" }),
		unpause("unpause-fast", "Unpause (fast)", true, func(allowed string) bool { return allowed == "fast" || allowed == "slow, fast" }),
	}
}

func ownedBy(s subject, kind string) bool {
	return slices.ContainsFunc(s.list("metadata", "ownerReferences"), func(owner any) bool { return within(owner).text("kind") == kind })
}
