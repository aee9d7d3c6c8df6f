package forge

import (
	"errors"
	"fmt"
	"time"
)

// The ways in which a forge says no. Whoever asks decides by errors.Is; the text of the forge is kept in the chain.
var (
	// ErrNotFound: it does not exist, or we may not see it; forges do not tell the two apart.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: it exists and we lack the permission.
	ErrForbidden = errors.New("forbidden")
	// ErrUnauthorized: our credentials are refused; the installation is revoked or suspended, or the key is wrong.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrInvalid: the forge refuses the content (too long, malformed); asking again is of no use.
	ErrInvalid = errors.New("invalid")
	// ErrUncertain: the answer to an earlier try was lost, so that what was to be made may be there all the same.
	ErrUncertain = errors.New("it may have been done all the same")
	// ErrSignature: a delivery that is unsigned, or signed wrongly.
	ErrSignature = errors.New("signature refused")
	// ErrMalformed: a delivery that is signed but cannot be read.
	ErrMalformed = errors.New("malformed delivery")
)

// RateLimited says that the forge wants us to wait. It is no failure.
type RateLimited struct {
	// After is how long to wait at least.
	After time.Duration
	Err   error
}

// Error gives the wait and the forge's words.
func (e *RateLimited) Error() string {
	return fmt.Sprintf("rate limited for %s: %v", e.After.Round(time.Second), e.Err)
}

// Unwrap is the forge's own error.
func (e *RateLimited) Unwrap() error { return e.Err }
