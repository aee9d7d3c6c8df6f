package health

func cronJob(c *fields) *Health {
	scheduled, successful := c.text("status", "lastScheduleTime"), c.text("status", "lastSuccessfulTime")
	switch {
	case c.flag("spec", "suspend"):
		return healthy("CronJob is Suspended")
	case !c.has("status"):
		return progressing("Waiting for CronJob")
	case scheduled == "":
		return healthy("CronJob has not been scheduled yet")
	case successful == "":
		return healthy("The CronJob never completed successfully. It may not be healthy")
	case len(c.list("status", "active")) > 0:
		return healthy("The job is running. Its last execution may not have been successful")
	case successful < scheduled: // both in universal time, as the API server writes them
		return degraded("CronJob has not completed its last execution successfully")
	}
	return healthy("CronJob has completed its last execution successfully")
}
