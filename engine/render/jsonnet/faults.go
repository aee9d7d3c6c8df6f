package jsonnet

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gojsonnet "github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"github.com/slipway-cd/slipway/engine/object"
)

// crash begins the error of an interpreter that failed in itself; its stack follows on the next lines.
const crash = "(CRASH) "

// fault says what is wrong with program name, at the innermost place of it that lies in the repository.
func (i *Interpreter) fault(err error, name string) *object.Fault {
	f := &object.Fault{Place: object.Place{File: name}}
	var runtime gojsonnet.RuntimeError
	var static interface{ Loc() ast.LocationRange }
	switch text := err.Error(); {
	case errors.As(err, &runtime):
		f.Message = runtime.Msg
		for _, frame := range slices.Backward(runtime.StackTrace) {
			if i.locate(f, name, frame.Loc) {
				break
			}
		}
		i.moveToSyntax(f)
	case errors.As(err, &static):
		loc := static.Loc()
		f.Message = unreadable + strings.TrimSpace(strings.TrimPrefix(text, loc.String()))
		i.locate(f, name, loc)
	case strings.HasPrefix(text, crash):
		f.Message, _, _ = strings.Cut("the Jsonnet interpreter failed: "+strings.TrimPrefix(text, crash), "\n")
	default:
		f.Message = text
	}
	if strings.HasPrefix(f.Message, "max stack frames exceeded") {
		f.Hint = "a function or an import calls itself without end, or nests too deep"
	}
	return f
}

const unreadable = "the Jsonnet cannot be read: "

// locate puts a place of the interpreter's into a Fault. It is not ok when that is none of the repository's files, such as the standard
// library. Code in variables stands in the application's specification.
func (i *Interpreter) locate(f *object.Fault, name string, loc ast.LocationRange) bool {
	if loc.File == nil {
		return false
	}
	file := string(loc.File.DiagnosticFileName)
	switch {
	case file == name || i.imported(file):
		f.File, f.Line = file, loc.Begin.Line
	case strings.HasPrefix(file, "<extvar:"):
		f.Field = "spec.source.directory.jsonnet.extVars." + strings.TrimSuffix(strings.TrimPrefix(file, "<extvar:"), ">")
	case strings.HasPrefix(file, "<top-level-arg:"):
		f.Field = "spec.source.directory.jsonnet.tlas." + strings.TrimSuffix(strings.TrimPrefix(file, "<top-level-arg:"), ">")
	default:
		return false
	}
	return true
}

func (i *Interpreter) imported(file string) bool {
	c, ok := i.importer.found[file]
	return ok && !c.missing && c.err == nil
}

// syntax begins the message about an import that cannot be parsed: its place, as one or two ends.
var syntax = regexp.MustCompile(`^(.+?):(?:(\d+):\d+(?:-\d+)?|\((\d+):\d+\)-\(\d+:\d+\)) +(.*)`)

// moveToSyntax moves a Fault from the import to what is wrong in the file that is imported.
func (i *Interpreter) moveToSyntax(f *object.Fault) {
	m := syntax.FindStringSubmatch(f.Message)
	if m == nil || !i.imported(m[1]) {
		return
	}
	line, err := strconv.Atoi(m[2] + m[3])
	if err != nil {
		return
	}
	f.Place, f.Message = object.Place{File: m[1], Line: line}, unreadable+m[4]
}
