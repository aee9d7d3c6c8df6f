package github

import (
	"encoding/json"

	"github.com/slipway-cd/slipway/forge"
)

// delivery is what is read of a payload, of any event. Everything else in it, and whatever odd form that takes, is not looked at.
type delivery struct {
	Action string `json:"action"`
	Number int    `json:"number"`

	Repository   *repository `json:"repository"`
	Installation struct {
		ID      int64   `json:"id"`
		Account account `json:"account"`
	} `json:"installation"`
	Sender account `json:"sender"`

	PullRequest *struct {
		Number int `json:"number"`
		Head   struct {
			SHA string `json:"sha"`
		} `json:"head"`
	} `json:"pull_request"`
	Changes struct {
		Title json.RawMessage `json:"title"`
		Base  json.RawMessage `json:"base"`
	} `json:"changes"`
	Issue *struct {
		Number      int             `json:"number"`
		PullRequest json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment *struct {
		Via *struct {
			ID int64 `json:"id"`
		} `json:"performed_via_github_app"`
	} `json:"comment"`
	CheckRun   *checked `json:"check_run"`
	CheckSuite *checked `json:"check_suite"`
	// RequestedAction is the button of a check that was pressed.
	RequestedAction struct {
		Identifier string `json:"identifier"`
	} `json:"requested_action"`
	MergeGroup *struct {
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
	} `json:"merge_group"`
	Ref     string `json:"ref"`
	After   string `json:"after"`
	Deleted bool   `json:"deleted"`

	Repositories []installed `json:"repositories"`
	Added        []installed `json:"repositories_added"`
}

type account struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"`
}

type repository struct {
	ID            int64   `json:"id"`
	Name          string  `json:"name"`
	Private       bool    `json:"private"`
	DefaultBranch string  `json:"default_branch"`
	Owner         account `json:"owner"`
}

// installed is the short form in which installations name repositories.
type installed struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
	Private  bool   `json:"private"`
}

// checked is a check run or a check suite.
type checked struct {
	HeadSHA    string `json:"head_sha"`
	ExternalID string `json:"external_id"`
	App        struct {
		ID int64 `json:"id"`
	} `json:"app"`
	PullRequests []struct {
		Number int `json:"number"`
		Base   struct {
			Repo struct {
				ID int64 `json:"id"`
			} `json:"repo"`
		} `json:"base"`
	} `json:"pull_requests"`
}

// owner whose installation sent it: the repository's, or the installation's where no repository is named.
func (d delivery) owner() string {
	if d.Repository != nil {
		return d.Repository.Owner.Login
	}
	return d.Installation.Account.Login
}

// number of the pull request that the delivery carries, and its head.
func (d delivery) number(e *forge.Event) (ignored string) {
	if d.PullRequest == nil {
		return "it carries no pull request"
	}
	e.Number, e.SHA = d.PullRequest.Number, d.PullRequest.Head.SHA
	return ""
}

// name gives the event the check's commit, and its pull request when there is exactly one in this repository. For the head of a fork GitHub
// names none.
func (c checked) name(d delivery, e *forge.Event) {
	e.SHA = c.HeadSHA
	var numbers []int
	for _, pr := range c.PullRequests {
		if d.Repository != nil && pr.Base.Repo.ID != d.Repository.ID && pr.Base.Repo.ID != 0 {
			continue
		}
		numbers = append(numbers, pr.Number)
	}
	if len(numbers) == 1 {
		e.Number = numbers[0]
	}
}
