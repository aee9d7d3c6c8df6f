package health

// numaflow judges by phase, by whether any part is unwell, and by how a progressive upgrade ended.
func numaflow(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "Pipeline", "MonoVertex", "Vertex", "InterStepBufferService":
		return dataflow, true
	}
	return nil, false
}

func dataflow(s subject) *Health {
	kind, phase := s.text("kind"), s.text("status", "phase")
	if !s.observed() {
		return progressing("Waiting for %s status", kind)
	}
	switch {
	case phase == "Failed":
		return degraded("%s", s.text("status", "message"))
	case s.text("metadata", "labels", "numaplane.numaproj.io/progressive-result-state") == "failed":
		return degraded("Failed progressive upgrade")
	}
	for _, item := range s.conditions {
		if c := within(item); c.text("status") == "False" {
			return degraded("%s", c.text("message"))
		}
	}
	switch phase {
	case "Running":
		return healthy("%s is healthy", kind)
	case "Paused", "Pausing":
		return healthy("%s is paused", kind)
	}
	return progressing("Waiting for %s status", kind)
}
