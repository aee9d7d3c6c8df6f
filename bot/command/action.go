package command

func actionSpec() spec {
	return spec{verb: Action, targets: true, usage: "/action NAME KIND/NAME",
		summary: "runs an action on an object"}
}
