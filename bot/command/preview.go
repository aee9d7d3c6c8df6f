package command

func previewSpec() spec {
	return spec{verb: Preview, usage: "/preview",
		summary: "brings up an environment of the pull request's own"}
}
