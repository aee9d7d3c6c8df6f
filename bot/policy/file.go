package policy

// file closes everything while the base branch's policy cannot be read: nobody knows what it would forbid.
func file(in Input) (Gate, bool) {
	if in.Fault == nil {
		return Gate{}, false
	}
	return Gate{Name: "policy", Value: in.Fault.Error(), Satisfy: "the base branch's " + File + " is mended"}, true
}
