package render

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	_ "time/tzdata" // templates name time zones, and a worker has no files to look them up in
)

// memoryVariable tells a worker its memory limit in bytes. It and the next are all that a worker is told by its environment.
const memoryVariable = "SLIPWAY_RENDER_MEMORY"

// namespacesVariable tells it that it has namespaces of its own.
const namespacesVariable = "SLIPWAY_RENDER_NAMESPACES"

// confinement is what the kernel keeps from a worker.
type confinement struct {
	Root     bool   // it has an empty root, and no process or network but its own
	Landlock int    // the version of the Landlock that it is under; 0 is none
	Problem  string // what could not be had
}

// maxStack lets templates nest as deep as Helm allows, and ends a recursion before it costs much.
const maxStack = 192 << 20

var errNoNetwork = errors.New("renders have no network")

// harden takes from the process what no render needs. It changes globals of other packages, which is what a process of its own is
// for.
func harden() confinement {
	os.Stdout = os.Stderr // what a library prints must not get between the frames
	log.SetOutput(io.Discard)
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(400)
	if limit, err := strconv.ParseInt(os.Getenv(memoryVariable), 10, 64); err == nil && limit > 0 {
		debug.SetMemoryLimit(limit * 3 / 4)
		limitMemory(limit)
	}
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errNoNetwork }
	http.DefaultTransport = &http.Transport{DialContext: refuse, DialTLSContext: refuse}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: refuse}
	return confine(os.Getenv(namespacesVariable) != "")
}
