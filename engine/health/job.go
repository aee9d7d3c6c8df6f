package health

// job goes by the conditions that are True. A Job that was suspended and goes on has the condition still, as False: it is under way.
func job(j *fields) *Health {
	said := map[string]string{}
	for _, c := range j.list("status", "conditions") {
		if c.text("status") == "True" {
			said[c.text("type")] = c.text("message")
		}
	}
	for _, end := range []struct {
		condition string
		status    Status
	}{{"Failed", Degraded}, {"Complete", Healthy}, {"Suspended", Suspended}} {
		if message, ok := said[end.condition]; ok {
			return &Health{end.status, message}
		}
	}
	if j.count("status", "failed") > 0 {
		return progressing("Job is running, some of its pods failed")
	}
	return progressing("")
}
