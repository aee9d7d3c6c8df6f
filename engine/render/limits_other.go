//go:build unix && !linux

package render

import (
	"os/exec"
	"syscall"
)

func limitMemory(limit int64) {
	max := uint64(limit) + 256<<20
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: max, Max: max})
}

// apart makes cmd the head of a process group.
func apart(cmd *exec.Cmd, _ bool) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

const canIsolate = false

// confine has nothing to confine by here.
func confine(bool) confinement { return confinement{} }
