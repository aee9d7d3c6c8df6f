package health

func claim(c *fields) *Health {
	switch c.text("status", "phase") {
	case "Bound":
		return healthy("")
	case "Pending":
		return progressing("")
	case "Lost":
		return degraded("")
	}
	return &Health{Status: Unknown}
}
