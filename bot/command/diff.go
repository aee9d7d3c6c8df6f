package command

func diffSpec() spec {
	return spec{verb: Diff, built: true, usage: "/diff",
		summary: "computes the report again"}
}
