package command

func helpSpec() spec {
	return spec{verb: Help, built: true, usage: "/help",
		summary: "lists the commands and who may give them"}
}
