package command

func lockSpec() spec {
	return spec{verb: Lock, targets: true, flags: []string{optFor, optWait, optReason, optDryRun},
		usage: "/lock [ENV|app:NAME|cluster:NAME] [--for 4h] [--wait] [--dry-run] [--reason \"...\"]",
		summary: "holds the applications that this pull request changes where they are, against the syncs of others and automated ones; " +
			"given again it extends the time"}
}
