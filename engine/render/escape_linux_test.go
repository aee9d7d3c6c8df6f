package render_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/slipway-cd/slipway/engine/render"
)

// instead runs what a test starts as if it were a worker; it is not ok where there is no such thing.
func instead(args []string) (ok bool) {
	if len(args) == 4 && args[0] == "escape" {
		escape(args[1:])
		return true
	}
	return false
}

// escape is what somebody would try who has taken a worker over, after it was hardened. It is run in a process of its own.
func escape(args []string) {
	secret, address, pid := args[0], args[1], args[2]
	out := os.NewFile(1, "out")
	kept := render.Harden()
	if !kept.Root && kept.Landlock == 0 { // then it would do what it tries
		_ = json.NewEncoder(out).Encode(escaped{Kept: kept})
		return
	}
	parent, _ := strconv.Atoi(pid)
	got := []string{}
	try := func(what string, err error) {
		if err == nil {
			got = append(got, what)
		}
	}
	read := func(name string) {
		_, err := os.ReadFile(name)
		try("read "+name, err)
	}
	for _, name := range []string{secret, "../../../../../../.." + secret, "/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/proc/" + pid + "/environ", "/proc/" + pid + "/root" + secret,
		"/proc/self/cwd" + secret, "/proc/self/fd/0/../.." + secret, os.Args[0]} {
		read(name)
	}
	for _, dir := range []string{"/etc", "/proc", filepath.Dir(secret), "/home", "/root"} {
		_, err := os.ReadDir(dir)
		try("list "+dir, err)
	}
	try("write", os.WriteFile("/left-behind", []byte("x"), 0o600))
	try("write beside the secret", os.WriteFile(secret+".new", []byte("x"), 0o600))
	connection, err := net.Dial("tcp", address)
	if err == nil {
		_ = connection.Close()
	}
	try("connect", err)
	try("signal", syscall.Kill(parent, 0))
	try("mount", syscall.Mount("none", "/", "tmpfs", 0, ""))
	try("leave the root", syscall.Chroot("."))
	_ = json.NewEncoder(out).Encode(escaped{Kept: kept, Got: got})
}

type escaped struct {
	Kept render.Confinement
	Got  []string
}

func TestAWorkerThatIsTakenOverReachesNothing(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "private-key.pem")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r, err := render.New(render.Options{Command: []string{os.Args[0], "escape", secret, listener.Addr().String(), strconv.Itoa(os.Getpid())}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	for name, c := range map[string]struct {
		namespaces bool
		held       func(render.Confinement) bool
		may        map[string]bool // what only the other way prevents
	}{
		"namespaces": {true, func(c render.Confinement) bool { return c.Root }, map[string]bool{"mount": true, "leave the root": true}},
		"Landlock":   {false, func(c render.Confinement) bool { return c.Landlock > 0 }, map[string]bool{"signal": true, "connect": true}},
		"both":       {true, func(c render.Confinement) bool { return c.Root && c.Landlock > 0 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := r.Output(c.namespaces)
			if err != nil {
				t.Skipf("the kernel gives no namespaces: %v", err)
			}
			var got escaped
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%v: %q", err, text)
			}
			if !c.held(got.Kept) {
				t.Skipf("this kernel, or a program that is linked with C, cannot: %s", got.Kept.Problem)
			}
			may := c.may
			if got.Kept.Root && got.Kept.Landlock > 0 {
				may = nil
			} else if got.Kept.Landlock >= 6 {
				may = map[string]bool{}
			}
			for _, what := range got.Got {
				if !may[what] {
					t.Errorf("could %s, kept by %s", what, fmt.Sprintf("%+v", got.Kept))
				}
			}
		})
	}
}
