package render

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitMemory lets the process's data grow to limit and what the runtime needs beside the heap, no further.
func limitMemory(limit int64) {
	if raceDetector {
		return // its shadow memory alone is larger
	}
	max := uint64(limit) + 256<<20
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: max, Max: max})
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// apart makes cmd the head of a process group that dies with us. Isolated, it has a network of its own without any way out, sees no process
// but itself, and may change its own mounts; see confine.
func apart(cmd *exec.Cmd, isolated bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if isolated {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS
		ownUser(cmd.SysProcAttr)
	}
}

// newBoard makes a file that has no name.
func newBoard() (board, error) {
	fd, err := unix.MemfdCreate("board", unix.MFD_CLOEXEC)
	if err != nil {
		return board{}, fmt.Errorf("making a file in memory: %w", err)
	}
	return board{os.NewFile(uintptr(fd), "board")}, nil
}

const canIsolate = true
