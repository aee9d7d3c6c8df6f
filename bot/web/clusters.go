package web

import (
	"time"
)

// Objects are the live objects of an application.
type Objects struct {
	// Nodes are parents before their children.
	Nodes []Node
	// Unreadable says what could not be read, or is "".
	Unreadable string
}

// Node is a live object.
type Node struct {
	Group, Kind, Namespace, Name string
	// Parent is the index of the node that it belongs to, or -1.
	Parent int
	// Health is a word and a reason; both are "" for kinds that have none.
	Health, Reason string
	Created        time.Time
}

// Event is what Kubernetes noted about an object.
type Event struct {
	Object, Reason, Message string
	Warning                 bool
	Count                   int
	Last                    time.Time
}

// LogRequest asks for the end of a container's log.
type LogRequest struct {
	Namespace, Pod string
	Container      string // "" is the pod's first
	Previous       bool
	Lines          int64
}

// Log is the end of a container's log.
type Log struct {
	// Containers of the pod in their order, init containers first, and Container the one that Text is of.
	Containers []Container
	Container  string
	Text       string
	// Refused says why there is no text, such as that the container has not started.
	Refused string
}

// Container is one of a pod's.
type Container struct {
	Name, State string
	Restarts    int32
}
