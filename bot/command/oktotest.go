package command

func okToTestSpec() spec {
	return spec{verb: OKToTest, usage: "/ok-to-test", summary: "has this head rendered although its author may not write here"}
}
