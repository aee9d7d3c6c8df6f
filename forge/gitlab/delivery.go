package gitlab

import "encoding/json"

// delivery is what is read of a payload, of any event. Everything else in it, and whatever odd form that takes, is not looked at.
type delivery struct {
	Project struct {
		ID            int64  `json:"id"`
		Path          string `json:"path_with_namespace"`
		DefaultBranch string `json:"default_branch"`
		Visibility    int    `json:"visibility_level"`
	} `json:"project"`
	Attributes struct {
		IID        int    `json:"iid"`
		Action     string `json:"action"`
		OldRev     string `json:"oldrev"`
		LastCommit struct {
			ID string `json:"id"`
		} `json:"last_commit"`
		NoteableType string `json:"noteable_type"`
		System       bool   `json:"system"`
		AuthorID     int64  `json:"author_id"`
	} `json:"object_attributes"`
	Changes      changes `json:"changes"`
	MergeRequest *struct {
		IID int `json:"iid"`
	} `json:"merge_request"`
	Ref   string `json:"ref"`
	After string `json:"after"`
}

// public is the visibility level of a project that everyone can read.
const public = 20

// changes has the keys of what an update changed.
type changes struct {
	Title        json.RawMessage `json:"title"`
	Labels       json.RawMessage `json:"labels"`
	Draft        json.RawMessage `json:"draft"`
	TargetBranch json.RawMessage `json:"target_branch"`
}

func (c changes) matter() bool {
	return c.Title != nil || c.Labels != nil || c.Draft != nil || c.TargetBranch != nil
}
