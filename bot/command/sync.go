package command

func syncSpec() spec {
	return spec{verb: Sync, targets: true, needed: true,
		flags: []string{optPrune, optDryRun, optResource, optForce, optReplace, optWait, optOverride, optReason},
		usage: "/sync ENV|app:NAME|cluster:NAME [--prune] [--dry-run] [--resource group:kind:name] [--force] [--replace] [--wait] [--override FREEZE] " +
			"[--reason \"...\"]",
		summary: "deploys the applications that this pull request changes"}
}
