package appset

import (
	"fmt"
	"reflect"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// hidden are Sprig's functions that would tell a set about the process it is generated in. As in Argo CD there are none of these names.
var hidden = []string{"env", "expandenv", "getHostByName"}

// random are those whose answer is another each time. Applications made with them could not be told from changed ones.
var random = []string{
	"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4", "bcrypt", "htpasswd", "encryptAES",
	"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
}

// functions are what Go templates may call. All of them are metered: what they take and yield is bounded, and counts as work.
func functions(limit *budget, now time.Time) template.FuncMap {
	all := sprig.GenericFuncMap()
	for _, name := range hidden {
		delete(all, name)
	}
	for _, name := range random {
		all[name] = func(...any) (string, error) {
			return "", fmt.Errorf("%s is not to be had in an ApplicationSet: it yields something else each time", name)
		}
	}
	derive := all["derivePassword"].(func(uint32, string, string, string, string) string)
	all["derivePassword"] = func(n uint32, kind, password, user, site string) (string, error) { // it is made to be slow
		if err := limit.spend(maxOnce / 2); err != nil {
			return "", err
		}
		return derive(n, kind, password, user, site), nil
	}
	clock(all, now)
	all["normalize"] = normalize
	all["slugify"] = slugify
	all["toYaml"] = toYAML
	all["fromYaml"] = limit.fromYAML
	all["fromYamlArray"] = limit.fromYAMLArray
	// Those of text/template that make text are replaced by the same, metered.
	all["print"], all["printf"], all["println"] = fmt.Sprint, fmt.Sprintf, fmt.Sprintln
	all["html"], all["js"], all["urlquery"] = template.HTMLEscaper, template.JSEscaper, template.URLQueryEscaper

	metered := limit.own()
	for name, f := range all {
		metered[name] = limit.metered(f, costs[name])
	}
	return metered
}

// clock makes the functions that ask for the time take now instead.
func clock(all map[string]any, now time.Time) {
	all["now"] = func() time.Time { return now }
	all["ago"] = func(v any) string { return now.Sub(asTime(v, now)).Round(time.Second).String() }
	in := all["dateInZone"].(func(string, any, string) string)
	inZone := func(layout string, v any, zone string) string { return in(layout, asTime(v, now), zone) }
	all["dateInZone"], all["date_in_zone"] = inZone, inZone
	all["date"] = func(layout string, v any) string { return inZone(layout, v, "Local") }
	all["htmlDate"] = func(v any) string { return inZone("2006-01-02", v, "Local") }
	all["htmlDateInZone"] = func(v any, zone string) string { return inZone("2006-01-02", v, zone) }
}

func asTime(v any, now time.Time) time.Time {
	switch v := v.(type) {
	case time.Time:
		return v
	case *time.Time:
		if v != nil {
			return *v
		}
	case int64:
		return time.Unix(v, 0)
	case int32:
		return time.Unix(int64(v), 0)
	case int:
		return time.Unix(int64(v), 0)
	}
	return now
}

// cost says how large what a call yields may become, in bytes, before it is called. Functions without one yield no more than they
// take, or only a little.
type cost func(args []any) int

// metered is f with limits: on what it takes and yields, and on the work of all calls together.
func (b *budget) metered(f any, estimate cost) any {
	v := reflect.ValueOf(f)
	t := v.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	out := []reflect.Type{t.Out(0), reflect.TypeFor[error]()}
	return reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		result, err := b.call(v, args, estimate)
		if err != nil {
			return []reflect.Value{reflect.Zero(out[0]), reflect.ValueOf(&err).Elem()}
		}
		return []reflect.Value{result, reflect.Zero(out[1])}
	}).Interface()
}

func (b *budget) call(f reflect.Value, args []reflect.Value, estimate cost) (reflect.Value, error) {
	if err := b.admit(f.Type(), args, estimate); err != nil {
		return reflect.Value{}, err
	}
	var results []reflect.Value
	if f.Type().IsVariadic() {
		results = f.CallSlice(args)
	} else {
		results = f.Call(args)
	}
	if len(results) == 2 && !results[1].IsNil() {
		return results[0], results[1].Interface().(error)
	}
	// What a function yields may be one of its arguments, changed: here a value that was put into itself is found.
	size, err := measure(results[0].Interface(), 0)
	if err != nil {
		return results[0], err
	}
	return results[0], b.spend(size)
}

// admit looks at the arguments of a call.
func (b *budget) admit(t reflect.Type, args []reflect.Value, estimate cost) error {
	flat := make([]any, 0, len(args))
	for i, a := range args {
		if t.IsVariadic() && i == len(args)-1 {
			for j := range a.Len() {
				flat = append(flat, a.Index(j).Interface())
			}
			continue
		}
		flat = append(flat, a.Interface())
	}
	size, err := measure(flat, 0)
	if err != nil {
		return err
	}
	size += perStep
	if estimate != nil {
		more := estimate(flat)
		if more < 0 || more > maxValue {
			return copyOf(errTooLarge)
		}
		size += more
	}
	return b.spend(size)
}
