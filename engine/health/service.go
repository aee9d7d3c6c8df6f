package health

func service(s *fields) *Health {
	if s.text("spec", "type") == "LoadBalancer" && len(s.list("status", "loadBalancer", "ingress")) == 0 {
		return progressing("Waiting for the load balancer's address")
	}
	return healthy("")
}
