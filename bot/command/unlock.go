package command

func unlockSpec() spec {
	return spec{verb: Unlock, built: true, targets: true, reason: true, usage: "/unlock [ENV|app:NAME|cluster:NAME]",
		summary: "gives back the applications that this pull request holds"}
}
