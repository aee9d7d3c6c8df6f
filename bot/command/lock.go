package command

func lockSpec() spec {
	return spec{verb: Lock, built: true, targets: true, needed: true, reason: true, usage: "/lock ENV|app:NAME|cluster:NAME [--reason \"...\"]",
		summary: "holds the applications that this pull request changes where they are, against the syncs of others and automated ones"}
}
