package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// setting is one entry of git's configuration, given by the environment so that it shows in no process list.
type setting struct{ key, value string }

// settings hold for every command.
var settings = []setting{
	{"protocol.version", "2"},
	{"http.followRedirects", "false"},
	{"http.lowSpeedLimit", "1000"},
	{"http.lowSpeedTime", "30"},
	{"transfer.fsckObjects", "true"},
	// Old tools wrote these; they are in the history of well-known repositories and do no harm.
	{"fetch.fsck.zeroPaddedFilemode", "ignore"},
	{"fetch.fsck.missingSpaceBeforeDate", "ignore"},
	{"fetch.fsck.badTimezone", "ignore"},
	{"fetch.fsck.missingEmail", "ignore"},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"core.hooksPath", os.DevNull},
	{"core.fsmonitor", "false"},
	{"core.quotePath", "false"},
	{"advice.detachedHead", "false"},
}

// command is one run of git, or of the program that is named.
type command struct {
	program string // empty for git
	dir     string // the git directory; empty for none
	cwd     string // where it runs; empty for the folder of temporary files
	args    []string
	config  []setting
	env     []string
	stdin   []byte
	allow   string   // protocols, for GIT_ALLOW_PROTOCOL; empty allows none
	secrets []string // cut out of messages
	bounded bool     // in memory, and in what it writes
	timeout time.Duration
}

// failure is a run that ended with another code than 0.
type failure struct {
	verb   string // "git fetch"
	code   int
	stderr string
	ours   bool // it named a file of ours
}

func (f *failure) Error() string {
	text := strings.TrimSpace(f.stderr)
	if text == "" {
		text = "exit status " + strconv.Itoa(f.code)
	}
	return f.verb + ": " + text
}

// environment is all that git sees of ours. PATH is where it finds ssh and its own parts.
func environment(c command) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "XDG_CONFIG_HOME=" + os.DevNull, "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=" + c.allow, "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_LITERAL_PATHSPECS=1",
		"GIT_ASKPASS=", "SSH_ASKPASS=", "GIT_SSH_COMMAND=" + noSSH,
	}
	if c.dir != "" {
		env = append(env, "GIT_DIR="+c.dir)
	}
	all := append(append([]setting(nil), settings...), c.config...)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(all)))
	for i, s := range all {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return append(env, c.env...)
}

// output runs git and yields what it printed. It ends with ctx or at the timeout, and then leaves no process behind.
func (s *Store) output(ctx context.Context, c command) ([]byte, error) {
	if c.timeout == 0 {
		c.timeout = s.opt.LocalTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("%s took longer than %s", c.verb(), c.timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, orDefault(c.program, s.opt.Program), c.args...)
	cmd.Env = environment(c)
	cmd.Dir = orDefault(c.cwd, os.TempDir())
	if c.stdin != nil {
		cmd.Stdin = bytes.NewReader(c.stdin)
	}
	var stdout bytes.Buffer
	stderr := tail{max: 8 << 10}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ownGroup(cmd)
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Start()
	if err == nil && c.bounded {
		confine(cmd.Process.Pid, s.opt.MaxMemory, s.opt.MaxPack)
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		text := stderr.String()
		return stdout.Bytes(), &failure{verb: c.verb(), code: exit.ExitCode(), ours: strings.Contains(text, s.opt.Dir),
			stderr: strings.ReplaceAll(redact(text, c.secrets), s.opt.Dir+"/", "")}
	}
	return nil, fmt.Errorf("%s: %w", c.verb(), err)
}

// verb is what messages call the command.
func (c command) verb() string {
	if c.program != "" {
		return c.program
	}
	return "git " + c.args[0]
}

// line is output cut at its first line's end.
func (s *Store) line(ctx context.Context, c command) (string, error) {
	out, err := s.output(ctx, c)
	first, _, _ := strings.Cut(string(out), "\n")
	return first, err
}

// tail keeps the last bytes written to it: a remote may send any amount of progress messages.
type tail struct {
	max int
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.buf) }

// redact cuts secrets out of a message of git's, and users and passwords out of the URLs in it.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return redactURL(s)
}
