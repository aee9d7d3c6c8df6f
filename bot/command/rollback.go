package command

func rollbackSpec() spec {
	return spec{verb: Rollback, targets: true, needed: true, flags: []string{optTo, optNow, optRelease, optPrune, optDryRun, optOverride, optReason}, words: rollbackWords,
		usage: "/rollback ENV|app:NAME|cluster:NAME [--to REVISION] [--now [--prune]] [--release] [--dry-run] [--override FREEZE] [--reason \"...\"]",
		summary: "opens the pull request that reverts this one, or with --to brings what the applications are rendered from back to a revision; " +
			"with --now syncs the revision before, or that of --to, at once and holds it, until --release"}
}

func rollbackWords(c Command, s spec, words []string) Command {
	c = c.targets(s, words)
	switch {
	case c.Problem != "":
	case c.Now && c.Release:
		return c.problem("--now and --release exclude each other", s.usage)
	case c.To != "" && c.Release:
		return c.problem("--release goes to no revision: it lets the application follow its branch again", s.usage)
	case c.Prune && !c.Now:
		return c.problem("--prune goes with --now: a pull request prunes nothing", s.usage)
	}
	return c
}
