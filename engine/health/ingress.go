package health

// ingress reads no version's types: all of them have had the addresses in the same place.
func ingress(i *fields) *Health {
	if len(i.list("status", "loadBalancer", "ingress")) == 0 {
		return progressing("Waiting for the ingress controller to set an address")
	}
	return healthy("")
}
