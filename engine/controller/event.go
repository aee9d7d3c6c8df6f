package controller

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Reasons of events, which are Argo CD's.
const (
	eventStarted   = "OperationStarted"
	eventCompleted = "OperationCompleted"
	eventUpdated   = "ResourceUpdated"
	eventDeleted   = "ResourceDeleted"
)

// eventLimit is how much text an event takes.
const eventLimit = 1000

func (p *pass) event(reason, action, message string) {
	p.events.Eventf(p.app, nil, corev1.EventTypeNormal, reason, action, "%s", cut(message))
}

func (p *pass) warn(reason, action, message string) {
	p.events.Eventf(p.app, nil, corev1.EventTypeWarning, reason, action, "%s", cut(message))
}

func cut(message string) string {
	if len(message) > eventLimit {
		return strings.ToValidUTF8(message[:eventLimit], "") + "…"
	}
	return message
}

// revisionOf is what a request asks to sync to.
func revisionOf(s *argo.SyncOperation) string {
	if s == nil {
		return ""
	}
	if all := s.RevisionList(); len(all) > 0 {
		return strings.Join(all, ", ")
	}
	return "the target revision"
}

// operationText names an operation in the event of its end: one of chosen resources is a partial one.
func operationText(state *argo.OperationState) string {
	kind := "Sync operation"
	if s := state.Operation.Sync; s != nil && len(s.Resources) > 0 {
		kind = "Partial sync operation"
	}
	return kind + " to " + revisionText(state)
}

// revisionText is what an operation synced to.
func revisionText(state *argo.OperationState) string {
	if r := state.SyncResult; r != nil {
		if all := r.RevisionList(); len(all) > 0 {
			return strings.Join(all, ", ")
		}
	}
	return revisionOf(state.Operation.Sync)
}

func orUnknown(user string) string {
	if user == "" {
		return "Unknown user"
	}
	return user
}
