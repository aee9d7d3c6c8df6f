package helm

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-cd/slipway/engine/object"
)

var (
	// position is how text/template says where it is: "template: web/templates/deploy.yaml:12:20: ". Names may have spaces.
	position = regexp.MustCompile(`template: ([^:\n]+):(\d+)(?::(\d+))?: `)
	// stage is the rest of one step: "executing "x" at <include "y" .>: error calling include: ".
	stage = regexp.MustCompile(`executing "[^"]*" at <((?:[^>]|>[^:])*)>: (?:error calling \w+: )?`)
)

// fault finds the innermost place in the repository that an error of text/template names; within is the template that was
// being rendered.
func (r *run) fault(err error, within string) error {
	if f, ok := object.AsFault(err); ok {
		return f
	}
	text := err.Error()
	f := &object.Fault{Place: object.Place{File: r.names[within]}}
	for _, m := range position.FindAllStringSubmatch(text, -1) {
		if file := r.names[m[1]]; file != "" {
			f.File = file
			f.Line, _ = strconv.Atoi(m[2])
			if strings.HasSuffix(file, ".tgz") {
				f.Line = 0
			}
		}
	}
	last := ""
	if all := stage.FindAllStringSubmatch(text, -1); len(all) > 0 {
		last = all[len(all)-1][1]
	}
	text = stage.ReplaceAllString(position.ReplaceAllString(text, ""), "")
	f.Message = strings.TrimSpace(strings.TrimPrefix(text, "template: "))
	last = strings.TrimSuffix(strings.TrimPrefix(last, "{{"), "}}")
	if last != "" && !strings.HasPrefix(last, "fail ") && !strings.HasPrefix(last, "required ") && !strings.Contains(f.Message, last) {
		f.Message = "at {{ " + last + " }}: " + f.Message
	}
	if f.File == "" {
		f.File = r.chart.dir
	}
	return f
}
