package object

import (
	"errors"
	"strconv"
	"strings"
)

// Fault is a mistake in the user's repository: something that its authors can mend, and that is shown to them with its
// place. It is a value that travels with the result of a stage; faults of our own or of the world are ordinary errors and are
// retried.
type Fault struct {
	Place
	// Field is a path within the document, such as "spec.template", or empty.
	Field string `json:"field,omitempty"`
	// Message says what is wrong in one or a few lines. It never quotes a Secret.
	Message string `json:"message"`
	// Hint says what to do, or is empty.
	Hint string `json:"hint,omitempty"`
}

// Error makes a Fault usable as an error within a stage; AsFault takes it out again.
func (f *Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line))
		}
		b.WriteString(": ")
	}
	if f.Field != "" {
		b.WriteString(f.Field + ": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}

// AsFault finds a Fault in err's chain.
func AsFault(err error) (*Fault, bool) {
	var f *Fault
	ok := errors.As(err, &f)
	return f, ok
}
