package git

import (
	"strconv"
	"strings"
)

// maxPointer is the longest that a pointer of Git LFS may be.
const maxPointer = 1024

// pointerStarts begin every file that Git LFS keeps elsewhere; the second is from before it had its name.
var pointerStarts = []string{"version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/"}

// pointer is what stands in a repository for a file that Git LFS keeps.
type pointer struct {
	oid  string // SHA-256 of the content, in hex
	size int64
}

// parsePointer reads a pointer. Whatever is not written as one is a file like any other.
func parsePointer(b []byte) (pointer, bool) {
	if len(b) > maxPointer {
		return pointer{}, false
	}
	text := string(b)
	if !strings.HasPrefix(text, pointerStarts[0]) && !strings.HasPrefix(text, pointerStarts[1]) {
		return pointer{}, false
	}
	p := pointer{size: -1}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch {
		case !ok:
			return pointer{}, false
		case key == "oid":
			algorithm, hex, _ := strings.Cut(value, ":")
			if algorithm != "sha256" || len(hex) != 64 || !isHex(hex) {
				return pointer{}, false
			}
			p.oid = hex
		case key == "size":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return pointer{}, false
			}
			p.size = n
		}
	}
	return p, p.oid != "" && p.size >= 0
}
