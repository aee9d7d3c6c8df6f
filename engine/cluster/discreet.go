package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/slipway-cd/slipway/engine/object"
)

// discreetError hides the words of an error and keeps its kind.
type discreetError struct {
	text string
	err  error
}

func (e *discreetError) Error() string { return e.text }
func (e *discreetError) Unwrap() error { return e.err }

// missingRight is what the API server says when somebody lacks a right. It speaks of names only, and says what to grant to whom; whatever
// follows it is left out.
var missingRight = regexp.MustCompile(`^secrets(?: "[^"]{1,253}")? is forbidden: User "[^"]{1,300}" cannot [a-z]+ resource "secrets" in API group ""(?: in the namespace "[a-z0-9-]{1,63}")?`)

// discreet keeps what a Secret holds out of the error's text: servers and decoders quote what they stumble on.
func discreet(id object.ID, err error) error {
	if id.Group != "" || id.Kind != "Secret" {
		return err
	}
	text := fmt.Sprintf("the server did not take %s", id)
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		if right := missingRight.FindString(status.Status().Message); right != "" && apierrors.IsForbidden(err) {
			return &discreetError{right, err}
		}
		why := string(status.Status().Reason)
		if why == "" {
			why = http.StatusText(int(status.Status().Code))
		}
		text += " (" + why + ")"
	case meta.IsNoMatchError(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	}
	return &discreetError{text, err}
}
