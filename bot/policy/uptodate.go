package policy

// upToDate asks that the head contains the tip of its base branch. A merge has answered that.
func upToDate(in Input) (Gate, bool) {
	if !in.Environment.Requires.UpToDate || !before(in) {
		return Gate{}, false
	}
	if in.UpToDate {
		return Gate{Name: "up to date", Passed: true, Value: "the head contains " + in.PullRequest.Base.Name}, true
	}
	return Gate{Name: "up to date", Value: "the head lacks commits of " + in.PullRequest.Base.Name,
		Satisfy: "the base branch is merged into the head, or the head is rebased, and the new report is read"}, true
}
