package health

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func cronJob(u *unstructured.Unstructured) (*Health, error) {
	if u.Object["status"] == nil {
		if suspended, _, _ := unstructured.NestedBool(u.Object, "spec", "suspend"); !suspended {
			return progressing("Waiting for CronJob"), nil
		}
	}
	return typed(scheduled)(u)
}

func scheduled(c *batchv1.CronJob) *Health {
	s := c.Status
	switch {
	case c.Spec.Suspend != nil && *c.Spec.Suspend:
		return healthy("CronJob is Suspended")
	case s.LastScheduleTime == nil:
		return healthy("CronJob has not been scheduled yet")
	case s.LastSuccessfulTime == nil:
		return healthy("The CronJob never completed successfully. It may not be healthy")
	case len(s.Active) > 0:
		return healthy("The job is running. Its last execution may not have been successful")
	case s.LastSuccessfulTime.Before(s.LastScheduleTime):
		return degraded("CronJob has not completed its last execution successfully")
	}
	return healthy("CronJob has completed its last execution successfully")
}
