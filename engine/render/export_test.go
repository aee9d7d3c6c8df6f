package render

import "io"

// RaceDetector says whether tests run under it.
const RaceDetector = raceDetector

// Confinement is what a worker is kept in.
type Confinement = confinement

// Harden does to the process what a worker does to itself before it takes jobs.
func Harden() Confinement { return harden() }

// Output is all that a program writes which is started as a worker is, with namespaces of its own or without.
func (r *Renderer) Output(namespaces bool) ([]byte, error) {
	p, err := r.spawn(namespaces)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return io.ReadAll(p.link.in)
}

// Workers are the processes that wait for a job of a trusted head.
func (r *Renderer) Workers() []int {
	r.trusted.mu.Lock()
	defer r.trusted.mu.Unlock()
	var pids []int
	for _, p := range r.trusted.idle {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}

// Overfill has the workers that wait for a job of a trusted head forget what they were given, before the next.
func (r *Renderer) Overfill() {
	r.trusted.mu.Lock()
	defer r.trusted.mu.Unlock()
	for _, p := range r.trusted.idle {
		p.given.bytes = maxGiven + 1
	}
}

// Given is how many files the worker that waits was given; it is for a renderer with one.
func (r *Renderer) Given() int {
	r.trusted.mu.Lock()
	defer r.trusted.mu.Unlock()
	return len(r.trusted.idle[len(r.trusted.idle)-1].given.files)
}
