package health

import (
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// openLibraries gives a state what scripts may use: the base without all that loads code, prints or reads files; table; os with time and
// date, by require too; and, where a kind's useOpenLibs asks for more, string and math. Coroutines, files, processes and the debugger
// are in no state.
func openLibraries(l *lua.LState, open bool, now func() time.Time) error {
	libraries := []library{{lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	if open {
		libraries = append(libraries, library{lua.StringLibName, lua.OpenString}, library{lua.MathLibName, lua.OpenMath})
	}
	for _, lib := range libraries {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(lib.open), Protect: true}, lua.LString(lib.name)); err != nil {
			return fmt.Errorf("opening the library %s: %w", lib.name, err)
		}
	}
	for _, name := range []string{"dofile", "load", "loadfile", "loadstring", "module", "newproxy", "collectgarbage", "getfenv", "setfenv", "_printregs"} {
		l.SetGlobal(name, lua.LNil)
	}
	l.SetGlobal("print", l.NewFunction(func(*lua.LState) int { return 0 }))
	clock := l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{"time": osTime(now), "date": osDate(now)})
	l.SetGlobal("os", clock)
	l.SetGlobal("require", l.NewFunction(require(open)))
	bound(l, lua.TabLibName, "concat", concat)
	if open {
		bound(l, lua.StringLibName, "rep", repeat)
		bound(l, lua.StringLibName, "gsub", substitute)
		for _, search := range []string{"find", "match", "gmatch", "gsub"} {
			bound(l, lua.StringLibName, search, pattern)
		}
		l.SetField(l.GetGlobal(lua.StringLibName), "dump", lua.LNil)
	}
	return nil
}

type library struct {
	name string
	open lua.LGFunction
}

// require knows only what is there anyhow.
func require(open bool) lua.LGFunction {
	return func(l *lua.LState) int {
		name := l.CheckString(1)
		switch {
		case name == lua.OsLibName, name == lua.TabLibName, open && (name == lua.StringLibName || name == lua.MathLibName):
			l.Push(l.GetGlobal(name))
			return 1
		}
		l.RaiseError("module %s not found", name)
		return 0
	}
}

// bound puts a check before a library's function that may make much of little.
func bound(l *lua.LState, library, name string, check func(*lua.LState)) {
	table := l.GetGlobal(library)
	original := l.GetField(table, name)
	l.SetField(table, name, l.NewFunction(func(l *lua.LState) int {
		check(l)
		given := l.GetTop()
		l.Push(original)
		for i := range given {
			l.Push(l.Get(i + 1))
		}
		l.Call(given, lua.MultRet)
		return l.GetTop() - given
	}))
}

func refuse(l *lua.LState, size int) {
	if size > scriptText {
		l.RaiseError("%s", errText)
	}
}

func concat(l *lua.LState) {
	size, between := 0, len(l.OptString(2, ""))
	t := l.CheckTable(1)
	for i := range t.Len() {
		size += between + len(lua.LVAsString(t.RawGetInt(i+1)))
		refuse(l, size)
	}
}

func repeat(l *lua.LState) {
	text, n := l.CheckString(1), l.CheckInt(2)
	if len(text) > 0 && n > scriptText/len(text) {
		refuse(l, scriptText+1)
	}
}

// substitute bounds by the most that there can be: a replacement for each byte.
func substitute(l *lua.LState) {
	text := l.CheckString(1)
	longest := 0
	switch with := l.Get(3).(type) {
	case lua.LString:
		longest = len(with)
	case *lua.LTable:
		with.ForEach(func(_, v lua.LValue) { longest = max(longest, len(lua.LVAsString(v))) })
	case *lua.LFunction:
		longest = 256 // what it returns is counted; this bounds the search before it is asked
		l.Replace(3, counted(l, with))
	}
	if longest > 0 && len(text) > 16*scriptText/longest {
		refuse(l, scriptText+1)
	}
}

// searches bounds how much a search may try. It runs in one step of the machine, which nothing can end before it is done.
const searches = 3e8

// pattern refuses a search that may take all but for ever: with k repetitions in a pattern, those of n characters can be shared out among
// them in some n^k/k! ways.
func pattern(l *lua.LState) {
	long := float64(len(l.CheckString(1)))
	tries, k := 1.0, 0.0
	before := byte('(')
	for _, c := range []byte(l.CheckString(2)) {
		if strings.IndexByte("*+-", c) >= 0 && strings.IndexByte("()%^", before) < 0 {
			k++
			tries *= max(long/k, 1)
		}
		before = c
	}
	if tries > searches {
		l.RaiseError("the pattern may be tried too often on so long a text")
	}
}

// counted is a function whose results together are bounded.
func counted(l *lua.LState, of *lua.LFunction) *lua.LFunction {
	size := 0
	return l.NewFunction(func(l *lua.LState) int {
		given := l.GetTop()
		l.Push(of)
		for i := range given {
			l.Push(l.Get(i + 1))
		}
		l.Call(given, 1)
		size += len(lua.LVAsString(l.Get(-1)))
		refuse(l, size)
		return 1
	})
}

func osTime(now func() time.Time) lua.LGFunction {
	return func(l *lua.LState) int {
		if l.GetTop() == 0 || l.Get(1) == lua.LNil {
			l.Push(lua.LNumber(now().Unix()))
			return 1
		}
		t := l.CheckTable(1)
		part := func(name string, otherwise int) int {
			if n, ok := number(lua.LVAsString(t.RawGetString(name))); ok {
				return int(n)
			}
			return otherwise
		}
		at := time.Date(part("year", -1), time.Month(part("month", -1)), part("day", -1), part("hour", 12), part("min", 0), part("sec", 0), 0, time.UTC)
		l.Push(lua.LNumber(at.Unix()))
		return 1
	}
}

// osDate formats as C's strftime does, in universal time whether or not a ! asks for it.
func osDate(now func() time.Time) lua.LGFunction {
	return func(l *lua.LState) int {
		at := now()
		format := strings.TrimPrefix(l.OptString(1, "%c"), "!")
		if l.GetTop() > 1 {
			at = time.Unix(l.CheckInt64(2), 0)
		}
		at = at.UTC()
		if strings.HasPrefix(format, "*t") {
			l.Push(dateTable(l, at))
			return 1
		}
		var b strings.Builder
		for i := 0; i < len(format); i++ {
			if format[i] != '%' || i+1 == len(format) {
				b.WriteByte(format[i])
				continue
			}
			i++
			b.WriteString(datePart(at, format[i]))
		}
		l.Push(lua.LString(b.String()))
		return 1
	}
}

func dateTable(l *lua.LState, at time.Time) *lua.LTable {
	t := l.NewTable()
	for name, n := range map[string]int{"year": at.Year(), "month": int(at.Month()), "day": at.Day(), "hour": at.Hour(), "min": at.Minute(),
		"sec": at.Second(), "wday": int(at.Weekday()) + 1, "yday": at.YearDay()} {
		t.RawSetString(name, lua.LNumber(n))
	}
	t.RawSetString("isdst", lua.LFalse)
	return t
}

// datePart is one conversion of strftime; an unknown one stays as it is.
func datePart(at time.Time, c byte) string {
	layouts := map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'X': "15:04:05", 'x': "01/02/06",
		'c': "Mon Jan _2 15:04:05 2006", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04", 'a': "Mon", 'A': "Monday", 'b': "Jan",
		'B': "January", 'Z': "MST", 'z': "-0700", 'j': "002"}
	if layout, ok := layouts[c]; ok {
		return at.Format(layout)
	}
	switch c {
	case '%':
		return "%"
	case 'w':
		return fmt.Sprint(int(at.Weekday()))
	case 's':
		return fmt.Sprint(at.Unix())
	}
	return "%" + string(c)
}
