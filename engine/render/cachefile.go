package render

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// layout names the form of a kept file: this line, the SHA-256 of the rest, the head as one line of JSON, and the objects as a
// worker wrote them.
const layout = "slipway render 2\n"

// fileHead is what stands in a kept file beside the objects.
type fileHead struct {
	Program  string
	Key      string
	Trusted  bool
	Revision string `json:",omitempty"`
	Tool     string
	Digest   string
	Warnings []string `json:",omitempty"`
	Traces   map[string]git.Trace
	Remotes  []Used `json:",omitempty"`
	Objects  []written
}

// pack writes a result as a file, and names it.
func pack(s *stored, program string, q question) (text []byte, name string, err error) {
	traces, err := json.Marshal(s.traces)
	if err != nil {
		return nil, "", fmt.Errorf("packing a render: %w", err)
	}
	head, err := json.Marshal(fileHead{Program: program, Key: q.key, Trusted: q.trusted, Revision: s.revision, Tool: s.tool, Digest: s.digest,
		Warnings: s.warnings, Traces: s.traces, Remotes: s.remotes, Objects: s.list})
	if err != nil {
		return nil, "", fmt.Errorf("packing a render: %w", err)
	}
	sum := sha256.New()
	_, _ = sum.Write(head) // a hash takes everything
	_, _ = sum.Write([]byte("\n"))
	_, _ = sum.Write(s.blob)
	text = make([]byte, 0, len(layout)+sha256.Size+len(head)+1+len(s.blob))
	text = append(text, layout...)
	text = sum.Sum(text)
	text = append(append(text, head...), '\n')
	remotes, err := json.Marshal(s.remotes)
	if err != nil {
		return nil, "", fmt.Errorf("packing a render: %w", err)
	}
	variant := sha256.Sum256(slices.Concat(traces, remotes, []byte(s.revision)))
	return append(text, s.blob...), q.key + "." + hex.EncodeToString(variant[:8]), nil
}

// unpack reads a file again. One that is damaged, or not the answer to q, or that another program wrote, is an error.
func unpack(text []byte, program string, q question) (*stored, error) {
	rest, ok := bytes.CutPrefix(text, []byte(layout))
	if !ok || len(rest) < sha256.Size {
		return nil, errors.New("it is of another layout, or cut short")
	}
	sum := sha256.Sum256(rest[sha256.Size:])
	if subtle.ConstantTimeCompare(sum[:], rest[:sha256.Size]) != 1 {
		return nil, errors.New("it is damaged")
	}
	line, blob, ok := bytes.Cut(rest[sha256.Size:], []byte("\n"))
	var head fileHead
	if err := json.Unmarshal(line, &head); err != nil || !ok {
		return nil, errors.New("its head cannot be read")
	}
	if head.Program != program || head.Key != q.key || head.Trusted != q.trusted {
		return nil, errors.New("it is of another version, or answers another question")
	}
	s := &stored{tool: head.Tool, digest: head.Digest, warnings: head.Warnings, traces: head.Traces, remotes: head.Remotes, revision: head.Revision,
		size: int64(len(blob)) * decoded, keep: true}
	var err error
	s.objects, _, err = new(shelf).decode(head.Objects, blob)
	return s, err
}

// secretive says whether an object is a Secret, or holds one anywhere in it, as a list or a template does. Such a render stays in memory.
func secretive(o object.Object) bool { return holdsSecret(o.Unstructured.Object) }

func holdsSecret(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if kind, _ := v["kind"].(string); strings.EqualFold(kind, "Secret") || strings.EqualFold(kind, "SecretList") {
			return true
		}
		for _, below := range v {
			if holdsSecret(below) {
				return true
			}
		}
	case []any:
		for _, below := range v {
			if holdsSecret(below) {
				return true
			}
		}
	}
	return false
}

// programOf digests what tells one version of the renderer from another: how this program was built, and the file that workers run.
func programOf(worker string) string {
	h := sha256.New()
	if build, ok := debug.ReadBuildInfo(); ok {
		write(h, build.String())
	}
	if info, err := os.Stat(worker); err == nil {
		write(h, fmt.Sprint(info.Size(), info.ModTime().UnixNano()))
	}
	return hex.EncodeToString(h.Sum(nil))
}
