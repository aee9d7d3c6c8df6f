package health

import (
	"errors"
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// toLua makes Lua's form of a JSON value: every number is one kind of number, null is nothing.
func toLua(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case map[string]any:
		t := l.CreateTable(0, len(v))
		for key, item := range v {
			t.RawSetString(key, toLua(l, item))
		}
		return t
	case []any:
		t := l.CreateTable(len(v), 0)
		for _, item := range v {
			t.Append(toLua(l, item))
		}
		return t
	}
	if n, ok := number(v); ok {
		return lua.LNumber(n)
	}
	return lua.LNil
}

// values bounds what a script may return.
const values = 200_000

var (
	errMixed  = errors.New("cannot encode mixed or invalid key types")
	errSparse = errors.New("cannot encode sparse array")
	errNested = errors.New("cannot encode recursively nested tables to JSON")
	errLarge  = errors.New("the script returns too large a table")
)

// fromLua makes JSON of what a script returns: whole numbers become int64; an empty table, of which Lua cannot tell whether it is an
// object or a list, becomes a list; see mended.
func fromLua(v lua.LValue) (any, error) {
	r := luaReader{inside: map[*lua.LTable]bool{}}
	return r.read(v)
}

type luaReader struct {
	inside map[*lua.LTable]bool
	count  int
}

func (r *luaReader) read(v lua.LValue) (any, error) {
	if r.count++; r.count > values {
		return nil, errLarge
	}
	switch v := v.(type) {
	case lua.LBool:
		return bool(v), nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return fromNumber(float64(v))
	case *lua.LNilType:
		return nil, nil
	case *lua.LTable:
		if r.inside[v] {
			return nil, errNested
		}
		r.inside[v] = true
		defer delete(r.inside, v)
		return r.table(v)
	}
	return nil, fmt.Errorf("cannot encode %s to JSON", v.Type())
}

func fromNumber(n float64) (any, error) {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return nil, fmt.Errorf("json: unsupported value: %v", n)
	case n == math.Trunc(n) && math.Abs(n) < 1<<63:
		return int64(n), nil
	}
	return n, nil
}

func (r *luaReader) table(t *lua.LTable) (any, error) {
	first, _ := t.Next(lua.LNil)
	switch first.Type() {
	case lua.LTNil:
		return []any{}, nil
	case lua.LTNumber:
		return r.list(t)
	case lua.LTString:
		return r.object(t)
	}
	return nil, errMixed
}

func (r *luaReader) list(t *lua.LTable) (any, error) {
	var out []any
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		n, ok := key.(lua.LNumber)
		switch {
		case !ok:
			return nil, errMixed
		case int(n) != len(out)+1:
			return nil, errSparse
		}
		item, err := r.read(v)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

func (r *luaReader) object(t *lua.LTable) (any, error) {
	out := map[string]any{}
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		name, ok := key.(lua.LString)
		if !ok {
			return nil, errMixed
		}
		item, err := r.read(v)
		if err != nil {
			return nil, err
		}
		out[string(name)] = item
	}
	return out, nil
}

// mended makes empty lists the empty objects again that they were in the object that the script was given.
func mended(now, before any) any {
	switch now := now.(type) {
	case map[string]any:
		was, _ := before.(map[string]any)
		for key, v := range now {
			now[key] = mended(v, was[key])
		}
	case []any:
		if _, object := before.(map[string]any); object && len(now) == 0 {
			return map[string]any{}
		}
		was, _ := before.([]any)
		for i := range min(len(now), len(was)) {
			now[i] = mended(now[i], was[i])
		}
	}
	return now
}
