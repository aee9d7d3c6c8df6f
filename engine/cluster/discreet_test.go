package cluster

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/object"
)

// Of a Secret only the lack of a right is told in the server's words: everything else may quote what is in it.
func TestErrorsOfSecretsAreDiscreet(t *testing.T) {
	refusal := func(reason metav1.StatusReason, message string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: "Failure", Code: http.StatusForbidden, Reason: reason, Message: message}}
	}
	const right = `secrets "s" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "secrets" in API group "" in the namespace "shop"`
	secret := object.ID{Kind: "Secret", Namespace: "shop", Name: "s"}
	for name, c := range map[string]struct {
		id   object.ID
		err  error
		want string
	}{
		"a right that is missing":     {secret, refusal(metav1.StatusReasonForbidden, right), right},
		"and what follows it":         {secret, refusal(metav1.StatusReasonForbidden, right+": hunter2"), right},
		"a webhook's words":           {secret, refusal(metav1.StatusReasonForbidden, `admission webhook "x" denied the request: password hunter2`), "(Forbidden)"},
		"a webhook that plays a role": {secret, refusal(metav1.StatusReasonForbidden, "hunter2 "+right), "(Forbidden)"},
		"an invalid one":              {secret, refusal(metav1.StatusReasonInvalid, "hunter2"), "(Invalid)"},
		"no answer of the server":     {secret, errors.New("decoding hunter2"), "did not take"},
	} {
		t.Run(name, func(t *testing.T) {
			got := discreet(c.id, c.err)
			if text := got.Error(); !strings.Contains(text, c.want) || strings.Contains(text, "hunter2") {
				t.Errorf("%q, want %q", text, c.want)
			}
			if !errors.Is(got, c.err) {
				t.Error("its kind is lost")
			}
		})
	}
	plain := errors.New("anything")
	if got := discreet(object.ID{Kind: "ConfigMap"}, plain); got != plain {
		t.Errorf("the error of another kind became %v", got)
	}
}
