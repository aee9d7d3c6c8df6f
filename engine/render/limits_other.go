//go:build unix && !linux

package render

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func limitMemory(limit int64) {
	max := uint64(limit) + 256<<20
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: max, Max: max})
}

// apart makes cmd the head of a process group.
func apart(cmd *exec.Cmd, _ bool) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// newBoard makes a file whose name is gone.
func newBoard() (board, error) {
	f, err := os.CreateTemp("", "board")
	if err != nil {
		return board{}, fmt.Errorf("making a file to share: %w", err)
	}
	_ = os.Remove(f.Name())
	return board{f}, nil
}

const canIsolate = false

// confine has nothing to confine by here.
func confine(bool) confinement { return confinement{} }
