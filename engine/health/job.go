package health

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func job(j *batchv1.Job) *Health {
	var failed, complete, suspended *batchv1.JobCondition
	for i := range j.Status.Conditions {
		c := &j.Status.Conditions[i]
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed:
			failed = c
		case batchv1.JobComplete:
			complete = c
		case batchv1.JobSuspended:
			suspended = c
		}
	}
	switch {
	case failed != nil:
		return degraded("%s", failed.Message)
	case complete != nil:
		return healthy("%s", complete.Message)
	case suspended != nil:
		return &Health{Suspended, suspended.Message}
	}
	return progressing("%s", runningJob(j))
}

func runningJob(j *batchv1.Job) string {
	if j.Status.Failed > 0 {
		return "Job is running, some of its pods failed"
	}
	return ""
}
