package settings

import (
	"log/slog"
)

const shown = "(hidden)"

// Hidden is a string that must not be shown: printing, logging and encoding it give a placeholder. Convert it to a string to
// use it.
type Hidden string

func (Hidden) String() string               { return shown }
func (Hidden) GoString() string             { return shown }
func (Hidden) LogValue() slog.Value         { return slog.StringValue(shown) }
func (Hidden) MarshalText() ([]byte, error) { return []byte(shown), nil }

// HiddenBytes is Hidden for bytes.
type HiddenBytes []byte

func (HiddenBytes) String() string               { return shown }
func (HiddenBytes) GoString() string             { return shown }
func (HiddenBytes) LogValue() slog.Value         { return slog.StringValue(shown) }
func (HiddenBytes) MarshalText() ([]byte, error) { return []byte(shown), nil }
