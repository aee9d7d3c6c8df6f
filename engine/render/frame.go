package render

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What passes between a parent and its worker: frames of a kind, a JSON header and raw bytes.
const (
	kindJob    = 'J' // parent: job, and the contents of the folders that come with it
	kindWarm   = 'W' // parent: do now what the first job would have to wait for
	kindAnswer = 'A' // parent: reply, and a content
	kindHello  = 'H' // worker: confinement, once
	kindQuery  = 'Q' // worker: query
	kindDone   = 'D' // worker: outcome, and the objects
)

// Bounds of a frame. Both sides hold to them: neither trusts the other with its memory.
const (
	maxHeader = 64 << 20
	maxBlob   = 192 << 20
)

// link is one end of the pipe pair.
type link struct {
	in  *bufio.Reader
	out *bufio.Writer
}

func newLink(in io.Reader, out io.Writer) *link {
	return &link{in: bufio.NewReaderSize(in, 64<<10), out: bufio.NewWriterSize(out, 64<<10)}
}

// send writes a frame. The blob is given in parts so that contents need not be put together first.
func (l *link) send(kind byte, header any, blob ...[]byte) error {
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("writing a frame: %w", err)
	}
	size := 0
	for _, b := range blob {
		size += len(b)
	}
	if len(text) > maxHeader || size > maxBlob {
		return errTooMuch
	}
	var head [9]byte
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(text)))
	binary.BigEndian.PutUint32(head[5:], uint32(size))
	_, _ = l.out.Write(head[:]) // a failure stays until Flush
	_, _ = l.out.Write(text)
	for _, b := range blob {
		_, _ = l.out.Write(b)
	}
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("writing a frame: %w", err)
	}
	return nil
}

var errTooMuch = errors.New("more than fits into a frame")

// frame is what was received.
type frame struct {
	kind   byte
	header []byte
	blob   []byte
}

func (l *link) receive() (frame, error) {
	var head [9]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return frame{}, err
	}
	header, blob := binary.BigEndian.Uint32(head[1:]), binary.BigEndian.Uint32(head[5:])
	if header > maxHeader || blob > maxBlob {
		return frame{}, errTooMuch
	}
	f := frame{kind: head[0], header: make([]byte, header), blob: make([]byte, blob)}
	if _, err := io.ReadFull(l.in, f.header); err != nil {
		return frame{}, err
	}
	_, err := io.ReadFull(l.in, f.blob)
	return f, err
}

func (f frame) read(into any) error {
	if err := json.Unmarshal(f.header, into); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	return nil
}
