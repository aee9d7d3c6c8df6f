package bot_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ledger is what the plays of this package have shown at the desks: which commands were answered there, and which gates refused one.
// TestMain holds it against what there is, so that no command and no gate comes without a scene of its own.
var ledger = struct {
	sync.Mutex
	commands, gates map[string]bool
}{commands: map[string]bool{}, gates: map[string]bool{}}

// refused is a row of a refusal, of a gate that is closed.
var refused = regexp.MustCompile(`(?m)^\| ❌ \| ([^|]+) \|`)

// enter writes down what an answer shows.
func enter(asked, answered string) {
	ledger.Lock()
	defer ledger.Unlock()
	for line := range strings.Lines(asked) {
		if verb, ok := strings.CutPrefix(line, "/"); ok {
			ledger.commands[strings.Fields(strings.TrimPrefix(verb, "slipway "))[0]] = true
		}
	}
	for _, row := range refused.FindAllStringSubmatch(answered, -1) {
		environment, gate, of := strings.Cut(row[1], ": ")
		if !of { // of the one environment that the command is about
			gate = environment
		}
		ledger.gates[gate] = true
	}
}

// TestMain fails a run of the whole package that has left out a command or a gate.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 && whole() {
		if missing := unseen(); len(missing) > 0 {
			fmt.Fprintf(os.Stderr, "no scene at the desks shows %s\n", strings.Join(missing, ", "))
			code = 1
		}
	}
	os.Exit(code)
}

// whole says whether every test was to run.
func whole() bool {
	for _, some := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(some).Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

// unseen are the commands and gates of the sources that no scene has shown.
func unseen() []string {
	var missing []string
	for _, what := range []struct {
		kind, dir, pattern string
		seen               map[string]bool
	}{
		{"the command /", "command", `(?m)^\t\w+ +Verb = "([a-z-]+)"`, ledger.commands},
		{"the gate ", "policy", `Gate(?:\{|\{\s+)Name:\s+"([^"]+)"|Gate = "([^"]+)"`, ledger.gates},
	} {
		names := map[string]bool{}
		files, err := filepath.Glob(filepath.Join(what.dir, "*.go"))
		if err != nil || len(files) == 0 {
			return []string{fmt.Sprintf("anything of %s, which has no files: %v", what.dir, err)}
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return []string{err.Error()}
			}
			for _, m := range regexp.MustCompile(what.pattern).FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(file, "_test.go") {
					names[m[1]+strings.Join(m[2:], "")] = true
				}
			}
		}
		delete(names, "command") // of a command that there is not, which the parser answers
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if !what.seen[name] {
				missing = append(missing, what.kind+name)
			}
		}
	}
	return missing
}
