package command

func statusSpec() spec {
	return spec{verb: Status, targets: true, usage: "/status [ENV|app:NAME|cluster:NAME]", summary: "shows sync, health and what is wrong"}
}
