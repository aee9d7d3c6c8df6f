package command

func diffSpec() spec {
	return spec{verb: Diff, usage: "/diff", summary: "makes the report again"}
}
