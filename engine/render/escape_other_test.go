//go:build !linux

package render_test

// instead is of Linux, whose kernel alone can keep files from a process that may read them.
func instead([]string) bool { return false }
