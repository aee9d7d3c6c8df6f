package git

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup makes cmd the head of a process group that ends as a whole when it is cancelled, and with us.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}
}

// confine bounds the memory of a process and of those that it will start, and the size of the files that they write; 0 is no bound. It
// comes in time for what reads a pack: that is started only after the remote has answered.
func confine(pid int, memory, file int64) {
	for resource, limit := range map[int]int64{unix.RLIMIT_DATA: memory, unix.RLIMIT_FSIZE: file} {
		if limit > 0 {
			// One that has ended already needs no bounds.
			_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}, nil)
		}
	}
}
