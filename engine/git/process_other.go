//go:build unix && !linux

package git

import (
	"os/exec"
	"syscall"
)

// ownGroup makes cmd the head of a process group that ends as a whole when it is cancelled.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}
}

// confine does nothing here: only Linux bounds another process.
func confine(int, int64, int64) {}
