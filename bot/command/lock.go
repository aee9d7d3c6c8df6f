package command

func lockSpec() spec {
	return spec{verb: Lock, targets: true, needed: true, reason: true, usage: "/lock ENV|app:NAME|cluster:NAME [--reason \"...\"]",
		summary: "holds applications for this pull request"}
}
