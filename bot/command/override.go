package command

func overrideSpec() spec {
	return spec{verb: Override, targets: true, reason: true, usage: "/override NAME --reason \"...\"",
		summary: "lets a named guard pass"}
}
