package command

func unlockSpec() spec {
	return spec{verb: Unlock, targets: true, flags: []string{optForce, optReason, optDryRun},
		usage:   "/unlock [ENV|app:NAME|cluster:NAME] [--force] [--dry-run] [--reason \"...\"]",
		summary: "gives back what this pull request holds, and its places in queues; with --force also what another pull request holds"}
}
