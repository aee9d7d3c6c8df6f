package command

func helpSpec() spec {
	return spec{verb: Help, usage: "/help", summary: "shows this"}
}
