package health

func mariaDB(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "MariaDB":
		return allTrue(func(c subject) bool { return c.text("reason") == "Failed" }), true
	case "Backup":
		return allTrue(func(c subject) bool { return c.text("reason") == "CronJobScheduled" && c.text("message") == "Failed" }), true
	case "SqlJob":
		return sqlJob, true
	}
	return nil, false
}

// allTrue judges by the first condition that is False; failed tells whether that is the end.
func allTrue(failed func(subject) bool) func(subject) *Health {
	return func(s subject) *Health {
		if s.at([]string{"status", "conditions"}) == nil {
			return progressing("No status info available")
		}
		text := ""
		for _, item := range s.conditions {
			c := within(item)
			text = c.text("message")
			switch {
			case c.text("status") != "False":
			case failed(c):
				return degraded("%s", text)
			default:
				return progressing("%s", text)
			}
		}
		return healthy("%s", text)
	}
}

func sqlJob(s subject) *Health {
	for _, item := range s.conditions {
		c := within(item)
		if c.text("status") != "True" {
			continue
		}
		switch c.text("reason") {
		case "JobComplete":
			return healthy("%s", c.text("message"))
		case "JobFailed":
			return degraded("%s", c.text("message"))
		}
	}
	return progressing("No status info available")
}
