package v1alpha1

import "slices"

// RollbackTo is the request for going back to an entry of status.history, as Argo CD's own commands write it: the sources and revisions of
// then, the options of now, no hooks, no retries. By is who asks; prune deletes what has come since.
func (a *Application) RollbackTo(h RevisionHistory, by string, prune bool) *Operation {
	sync := &SyncOperation{
		Prune: prune, SyncOptions: a.Spec.SyncPolicy.Options(), SyncStrategy: &SyncStrategy{Apply: &SyncStrategyApply{}},
		Revision: h.Revision, Revisions: slices.Clone(h.Revisions),
	}
	if len(h.Sources) > 0 {
		sync.Sources = slices.Clone(h.Sources)
	} else {
		sync.Source = h.Source.DeepCopy()
	}
	return &Operation{Sync: sync, InitiatedBy: OperationInitiator{Username: by}}
}

// RevisionList are the revisions of an entry of the history, one for each source.
func (h *RevisionHistory) RevisionList() []string { return revisionList(h.Revision, h.Revisions) }

// RevisionList are the revisions that are asked for, one for each source; none if the specification says.
func (s *SyncOperation) RevisionList() []string { return revisionList(s.Revision, s.Revisions) }

// RevisionList are the revisions of the last comparison, one for each source.
func (s *SyncStatus) RevisionList() []string { return revisionList(s.Revision, s.Revisions) }

// RevisionList are the revisions that were synced, one for each source.
func (r *SyncOperationResult) RevisionList() []string { return revisionList(r.Revision, r.Revisions) }

func revisionList(one string, several []string) []string {
	switch {
	case len(several) > 0:
		return several
	case one != "":
		return []string{one}
	}
	return nil
}
