package render

import (
	"bytes"
	"os"
	"strings"
)

// board is a file in memory that a parent shares with its worker. The worker writes on it which file it renders, and the parent looks when
// the worker has died of it: until then nobody waits for anybody.
type board struct{ *os.File }

// boardVariable tells a worker that it has a board, as its first file after standard error.
const boardVariable = "SLIPWAY_RENDER_BOARD"

const firstFile = 3

// maxBoard bounds a name on a board.
const maxBoard = 4 << 10

// inherited is a worker's board. Without one, what it writes is lost.
func inherited() board {
	if os.Getenv(boardVariable) == "" {
		return board{}
	}
	return board{os.NewFile(firstFile, "board")}
}

func (b board) write(file string) {
	if b.File != nil {
		_, _ = b.WriteAt(append([]byte(file[:min(len(file), maxBoard-1)]), 0), 0) // it is only to tell a fault's place
	}
}

func (b board) read() string {
	text := make([]byte, maxBoard)
	n, _ := b.ReadAt(text, 0) // what could not be read was not written
	name, _, _ := bytes.Cut(text[:n], []byte{0})
	return strings.ToValidUTF8(string(name), "")
}
