package health

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	luaparse "github.com/yuin/gopher-lua/parse"
)

// Bounds of a script. Those who write argocd-cm may be trusted, their loops may not.
const (
	scriptTime   = time.Second
	scriptSteps  = 1_000_000
	scriptSource = 256 << 10 // bytes
	scriptText   = 1 << 20   // bytes of one string that a script makes
	scriptStack  = 200       // calls
	scriptSlots  = 64 << 10  // values on the stack
	scriptName   = "<string>"
)

var (
	errSteps = errors.New("the script takes too many steps")
	errText  = errors.New("the script makes too long a text")
)

// compile reads a script once for all runs: what comes of it does not change and is shared by them.
func compile(source string, open bool) (s *script) {
	s = &script{open: open}
	defer func() {
		if e := recover(); e != nil {
			s.proto, s.err = nil, fmt.Errorf("the script cannot be compiled: %v", e)
		}
	}()
	if len(source) > scriptSource {
		s.err = fmt.Errorf("the script has more than %d bytes", scriptSource)
		return s
	}
	chunk, err := luaparse.Parse(strings.NewReader(source), scriptName)
	if err != nil {
		s.err = err
		return s
	}
	s.proto, s.err = lua.Compile(chunk, scriptName)
	return s
}

// call is what a run is given.
type call struct {
	object map[string]any
	params map[string]string
	now    func() time.Time
	limit  time.Duration
}

// call runs the script in a state of its own and returns what it returns: nil, or a table's content. Anything else is an error.
func (s *script) call(ctx context.Context, c call) (any, error) {
	if s.err != nil {
		return nil, s.err
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: scriptStack, RegistrySize: 1 << 10, RegistryMaxSize: scriptSlots,
		RegistryGrowStep: 1 << 10, MinimizeStackMemory: true})
	defer l.Close()
	if err := openLibraries(l, s.open, c.now); err != nil {
		return nil, err
	}
	params := l.NewTable()
	for name, value := range c.params {
		params.RawSetString(name, lua.LString(value))
	}
	l.SetGlobal("actionParams", params)
	l.SetGlobal("obj", toLua(l, c.object))

	timed, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	l.SetContext(&meter{Context: timed, state: l, left: scriptSteps, spent: make(chan struct{})})
	l.Push(l.NewFunctionFromProto(s.proto))
	if err := l.PCall(0, lua.MultRet, nil); err != nil {
		return nil, plainly(err)
	}
	return result(l)
}

// plainly leaves out the stack, as Argo CD does: the message is for people.
func plainly(err error) error {
	failed := &lua.ApiError{}
	if errors.As(err, &failed) && failed.Type == lua.ApiErrorRun {
		return errors.New(failed.Object.String())
	}
	return err
}

func result(l *lua.LState) (any, error) {
	if l.GetTop() == 0 {
		return nil, nil
	}
	switch v := l.Get(-1); v.Type() {
	case lua.LTNil:
		return nil, nil
	case lua.LTTable:
		return fromLua(v)
	default:
		return nil, fmt.Errorf("expect %s output from Lua script, not %s", "table", v.Type())
	}
}

// meter is a context that the machine asks at each of its steps, and so can end it: after a number of steps, which is the same on every
// machine, or when a text grows too long, which a loop of few steps can do.
type meter struct {
	context.Context
	state *lua.LState
	left  int
	spent chan struct{}
	why   error
}

// every is how many steps lie between two looks at the values at hand. In so few a text cannot double often.
const every = 8

// Done counts a step.
func (m *meter) Done() <-chan struct{} {
	m.left--
	switch {
	case m.why != nil:
	case m.left < 0:
		m.end(errSteps)
	case m.left%every == 0:
		for i := range m.state.GetTop() {
			if text, ok := m.state.Get(i + 1).(lua.LString); ok && len(text) > scriptText {
				m.end(errText)
				break
			}
		}
	}
	if m.why != nil {
		return m.spent
	}
	return m.Context.Done()
}

func (m *meter) end(why error) {
	m.why = why
	close(m.spent)
}

// Err says why the script was ended.
func (m *meter) Err() error {
	if m.why != nil {
		return m.why
	}
	return m.Context.Err()
}
