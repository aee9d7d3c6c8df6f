package health

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func batchDeeds(kind string) []deed {
	switch kind {
	case "CronJob":
		create := deed{Action: Action{Name: "create-job", Icon: iconPlus, DisplayName: "Create Job"}, do: createJob}
		return append(suspension(false, [2]string{iconHold, iconStart}, "spec", "suspend"), create)
	case "Job":
		deeds := suspension(false, [2]string{iconHold, iconStart}, "spec", "suspend")
		for i := range deeds {
			offered := deeds[i].when
			deeds[i].when = func(s subject) bool { return offered(s) && !ended(s) }
		}
		terminate := deed{Action: Action{Name: "terminate", Icon: iconStop}, do: terminateJob}
		return append(deeds, terminate.onlyIf(func(s subject) bool { return s.at([]string{"status"}) != nil && !ended(s) }))
	}
	return nil
}

// ended says that a Job is over, or that it is settled how it ends.
func ended(s subject) bool {
	return slices.ContainsFunc([]string{"Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"}, func(t string) bool { return s.status(t) == "True" })
}

// terminateJob says that the Job has failed, upon which its controller deletes its pods.
func terminateJob(w *work) error {
	s := subjectOf(w.object.Object)
	if s.at([]string{"status"}) == nil || ended(s) {
		return nil
	}
	conditions := append(slices.Clone(s.conditions), map[string]any{"type": "FailureTarget", "status": "True", "reason": "ManuallyTerminated",
		"message": "Job was terminated explicitly through Argo CD", "lastTransitionTime": w.stamp()})
	return w.set(conditions, "status", "conditions")
}

// longest is the longest name of an object that becomes a label.
const longest = 63

// called names what is made of an object after it and the minute.
func (w *work) called(layout string) string {
	minute := w.now.Format(layout)
	name := w.object.GetName()
	return name[:min(len(name), longest-1-len(minute))] + "-" + minute
}

func createJob(w *work) error {
	s := subjectOf(w.object.Object)
	metadata := copied(s.at([]string{"spec", "jobTemplate", "metadata"}))
	delete(metadata, "creationTimestamp")
	metadata["name"], metadata["namespace"] = w.called("0601021504"), w.object.GetNamespace()
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations["cronjob.kubernetes.io/instantiate"] = "manual"
	metadata["annotations"] = annotations
	owner := w.owner()
	owner["blockOwnerDeletion"], owner["controller"] = true, true
	metadata["ownerReferences"] = []any{owner}
	w.created = &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
		"spec": copied(s.at([]string{"spec", "jobTemplate", "spec"}))}}
	return nil
}

// owner refers to the object at hand.
func (w *work) owner() map[string]any {
	o := map[string]any{"apiVersion": w.object.GetAPIVersion(), "kind": w.object.GetKind(), "name": w.object.GetName()}
	if uid := w.object.GetUID(); uid != "" {
		o["uid"] = string(uid)
	}
	return o
}

// copied is an object of its own, even of none.
func copied(v any) map[string]any {
	m, _ := v.(map[string]any)
	if m == nil {
		return map[string]any{}
	}
	return runtime.DeepCopyJSON(m)
}

// createWorkflow makes a Workflow of a template or of a schedule.
func createWorkflow(w *work) error {
	s := subjectOf(w.object.Object)
	labels, annotations := map[string]any{}, map[string]any{}
	metadata := map[string]any{"name": w.called("200601021504"), "namespace": w.object.GetNamespace(), "ownerReferences": []any{w.owner()}}
	spec := map[string]any{"workflowTemplateRef": map[string]any{"name": w.object.GetName()}}
	if w.object.GetKind() == "CronWorkflow" {
		spec = copied(s.at([]string{"spec", "workflowSpec"}))
		maps.Copy(labels, copied(s.at([]string{"spec", "workflowMetadata", "labels"})))
		maps.Copy(annotations, copied(s.at([]string{"spec", "workflowMetadata", "annotations"})))
		if finalizers := s.list("spec", "workflowMetadata", "finalizers"); len(finalizers) > 0 {
			metadata["finalizers"] = slices.Clone(finalizers)
		}
		labels["workflows.argoproj.io/cron-workflow"] = w.object.GetName()
		const instance = "workflows.argoproj.io/controller-instanceid"
		if id := s.text("metadata", "labels", instance); id != "" {
			labels[instance] = id
		}
		annotations["workflows.argoproj.io/scheduled-time"] = w.stamp()
		metadata["annotations"] = annotations
	} else {
		labels["workflows.argoproj.io/workflow-template"] = w.object.GetName()
	}
	metadata["labels"] = labels
	w.created = &unstructured.Unstructured{Object: map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}}
	return nil
}
