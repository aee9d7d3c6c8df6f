package render

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine takes the machine from the process, as far as the kernel lets it: with namespaces of its own its root becomes an empty folder
// that cannot be written to; by Landlock it may open no file, reach no TCP port and signal nobody, which needs no privilege at all; and it
// gives up the privileges that it has within its namespaces. Each is there in case another is refused.
func confine(namespaces bool) confinement {
	var c confinement
	var errs []error
	if namespaces {
		err := emptyRoot()
		c.Root = err == nil
		errs = append(errs, err)
	}
	errs = append(errs, forswear())
	abi, err := landlock()
	c.Landlock = abi
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		c.Problem = err.Error()
	}
	return c
}

// emptyRoot mounts an empty file system over a folder that every machine has, makes it the root, and lets go of the old one.
func emptyRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keeping mounts private: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	var mounted error
	for _, dir := range []string{"/proc", "/dev", "/tmp", "/etc"} {
		if mounted = unix.Mount("none", dir, "tmpfs", flags, "size=4k,nr_inodes=2,mode=0500"); mounted == nil {
			mounted = unix.Chdir(dir)
			break
		}
	}
	if mounted != nil {
		return fmt.Errorf("mounting an empty root: %w", mounted)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting go of the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("entering the empty root: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|flags, ""); err != nil {
		return fmt.Errorf("closing the empty root: %w", err)
	}
	return nil
}

// forswear gives up all capabilities, and those that another program could bring.
func forswear() error {
	if err := everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return fmt.Errorf("forgoing new privileges: %w", err)
	}
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	none := &[2]unix.CapUserData{}
	if err := everyThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(none)), 0); err != nil {
		return fmt.Errorf("giving up capabilities: %w", err)
	}
	return nil
}

// landlock forbids all that the kernel's Landlock can forbid, without an exception, and yields its version; 0 where there is none.
func landlock() (int, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, fmt.Errorf("asking for Landlock: %w", errno)
	}
	rules := &unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_REFER - 1}
	for _, since := range []struct {
		abi  uintptr
		more func()
	}{
		{2, func() { rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER }},
		{3, func() { rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE }},
		{4, func() {
			rules.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}},
		{5, func() { rules.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV }},
		{6, func() { rules.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL }},
	} {
		if abi >= since.abi {
			since.more()
		}
	}
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(rules)), unsafe.Sizeof(*rules), 0)
	if errno != 0 {
		return 0, fmt.Errorf("making a Landlock: %w", errno)
	}
	defer func() { _ = unix.Close(int(set)) }()
	if err := everyThread(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); err != nil {
		return 0, fmt.Errorf("closing the Landlock: %w", err)
	}
	return int(abi), nil
}

// everyThread makes a system call on all threads of the process. A program that was linked with C cannot.
func everyThread(trap, a1, a2, a3 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, a3); errno != 0 {
		return errno
	}
	return nil
}

// ownUser maps the user of the parent to the head of the worker's namespaces, without which it could not leave its root.
func ownUser(attr *syscall.SysProcAttr) {
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}
