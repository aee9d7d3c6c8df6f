package command

func rollbackSpec() spec {
	return spec{verb: Rollback, targets: true, needed: true, now: true, reason: true, usage: "/rollback ENV|app:NAME|cluster:NAME [--now]",
		summary: "goes back to the last good revision"}
}
