package forgetest

import (
	"testing"
)

// Run tries everything, each trial in a world of its own.
func Run(t *testing.T, world func(*testing.T) World) {
	trials := []struct {
		name string
		try  func(*testing.T, World)
	}{
		{"an open pull request is read whole", openPullRequest},
		{"a pushed head is seen", pushedHead},
		{"closed and merged are told apart", closedAndMerged},
		{"a fork is told from the repository itself", fork},
		{"a deleted fork leaves the pull request", deletedFork},
		{"open pull requests are listed over all pages", openPullRequests},
		{"the newest verdict of each reviewer counts", reviews},
		{"who only reviewed wrote nothing", writers},
		{"permissions are told apart", permissions},
		{"who is unknown may do nothing", unknownUser},
		{"comments are listed oldest first over all pages", commentsInOrder},
		{"comments since a time", commentsSince},
		{"an edited comment says so", editedComment},
		{"our comments are ours, an imitation is not", ourComment},
		{"a comment as long as the limit is taken, a longer one is invalid", commentLimit},
		{"reacting twice is reacting once", reactTwice},
		{"a check set twice is one check", checkTwice},
		{"a check whose answer was lost is one check", checkLost},
		{"a new check whose answer was lost is one check", checkNew},
		{"checks of other keys or commits are others", otherChecks},
		{"others' checks are listed, ours are not", othersChecks},
		{"a completed check needs a conclusion", checkConclusion},
		{"a status is what it was set to last, and set once", statusOnce},
		{"a status whose answer was lost is one status", statusLost},
		{"statuses are told from checks and from each other", statusesApart},
		{"a status that may not be set is forbidden", statusForbidden},
		{"a deployment created twice is one deployment", deployTwice},
		{"a deployment whose answer was lost is one deployment", deployLost},
		{"a deployment goes through its states", deploymentStates},
		{"git reads with the credentials, and cannot write", gitReads},
		{"git fetches the head of a fork from the repository", gitFetchesFork},
		{"the repository is read by its id", repositoryByID},
		{"the repositories reached are listed", installed},
		{"what is not there is not found", notFound},
		{"a refused permission is forbidden", forbidden},
		{"access that was taken away is told", revoked},
		{"a rate limit says how long to wait", rateLimited},
		{"a short outage is not noticed by readers", outage},
		{"deliveries name what to look at", deliveries},
		{"a delivery that was changed is refused", tampered},
		{"our own comment is no work", ownComment},
	}
	for _, trial := range trials {
		t.Run(trial.name, func(t *testing.T) { trial.try(t, world(t)) })
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// one takes a result and fails the test on its error.
func one[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
