package command

func syncSpec() spec {
	return spec{verb: Sync, built: true, targets: true, needed: true, prune: true, dryRun: true, resources: true, reason: true, override: true,
		usage:   "/sync ENV|app:NAME|cluster:NAME [--prune] [--dry-run] [--resource group:kind:name] [--override FREEZE] [--reason \"...\"]",
		summary: "deploys the applications that this pull request changes"}
}
