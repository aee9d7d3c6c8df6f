package health

import (
	batchv1 "k8s.io/api/batch/v1"
)

func cronJob(c *batchv1.CronJob) *Health {
	s := c.Status
	switch {
	case c.Spec.Suspend != nil && *c.Spec.Suspend:
		return healthy("CronJob is suspended")
	case s.LastScheduleTime == nil:
		return healthy("CronJob has not been scheduled yet")
	case s.LastSuccessfulTime == nil:
		return healthy("CronJob has not completed successfully yet")
	case len(s.Active) > 0:
		return healthy("CronJob has an active Job")
	case s.LastSuccessfulTime.Before(s.LastScheduleTime):
		return degraded("CronJob has not completed its last execution successfully")
	}
	return healthy("CronJob has completed its last execution successfully")
}
