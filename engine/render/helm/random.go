package helm

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// volatile are the functions whose result differs from call to call.
var volatile = []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4", "now", "ago",
	"bcrypt", "htpasswd", "encryptAES", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
	"genSignedCert", "genSignedCertWithKey", "buildCustomCert"}

// random stands in for the volatile functions of one render, and notes which are called. With a seed, the n-th call in a file
// yields the same in every render, so that a report of two renders shows no difference where only chance is at work. What a
// seeded render yields is for looking at: its keys and certificates are of the right shape, but open no door.
type random struct {
	seed  []byte
	file  string // being rendered
	calls map[string]int
	used  map[string]bool // "file: function"
}

// begin makes it that of another render of a chart. Whether there is a seed stays as it was when it was bound.
func (r *random) begin(seed []byte, dir string) {
	*r = random{calls: map[string]int{}, used: map[string]bool{}}
	if len(seed) > 0 {
		r.seed = sum(seed, "chart "+dir)
	}
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (r *random) warnings() []string {
	var out []string
	for _, use := range slices.Sorted(maps.Keys(r.used)) {
		out = append(out, use+": generated at each sync")
	}
	return out
}

// note remembers a call, and yields its stream when there is a seed.
func (r *random) note(name string) *rand.Rand {
	if name != "buildCustomCert" { // what it is given may be fixed
		r.used[r.file+": "+name] = true
	}
	if r.seed == nil {
		return nil
	}
	key := r.file + " " + name
	r.calls[key]++
	s := [32]byte(sum(r.seed, fmt.Sprintf("%s %d", key, r.calls[key])))
	return rand.New(rand.NewChaCha8(s))
}

// bind puts the stand-ins into a function map, for renders with a seed or for those without.
func (r *random) bind(funcs template.FuncMap, seeded bool) {
	real := sprig.TxtFuncMap()
	if !seeded {
		for _, name := range volatile {
			funcs[name] = r.watched(name, real[name])
		}
		return
	}
	r.bindStrings(funcs)
	r.bindKeys(funcs)
	funcs["now"] = func() time.Time {
		r.note("now")
		return time.Unix(1_700_000_000+int64(binary.BigEndian.Uint32(r.seed)%1_000_000), 0).UTC()
	}
	funcs["ago"] = func(any) string { r.note("ago"); return "0s" }
}

// watched calls sprig's own function and notes it.
func (r *random) watched(name string, real any) any {
	f := reflect.ValueOf(real)
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
		r.note(name)
		if f.Type().IsVariadic() {
			return f.CallSlice(args)
		}
		return f.Call(args)
	}).Interface()
}

const (
	digits  = "0123456789"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// maxRandom bounds the length that a chart may ask for.
const maxRandom = 1 << 20

func pick(g *rand.Rand, from string, n int) string {
	b := make([]byte, min(max(n, 0), maxRandom))
	for i := range b {
		b[i] = from[g.IntN(len(from))]
	}
	return string(b)
}

func (r *random) bindStrings(funcs template.FuncMap) {
	ascii := make([]byte, 0, 95)
	for c := byte(32); c < 127; c++ {
		ascii = append(ascii, c)
	}
	for name, from := range map[string]string{"randAlphaNum": letters + digits, "randAlpha": letters, "randNumeric": digits, "randAscii": string(ascii)} {
		funcs[name] = func(n int) string { return pick(r.note(name), from, n) }
	}
	funcs["randBytes"] = func(n int) (string, error) {
		return base64.StdEncoding.EncodeToString(bytesOf(r.note("randBytes"), n)), nil
	}
	funcs["randInt"] = func(low, high int) (int, error) {
		if high <= low {
			return 0, fmt.Errorf("randInt: %d is not above %d", high, low)
		}
		return low + r.note("randInt").IntN(high-low), nil
	}
	funcs["shuffle"] = func(s string) string {
		runes := []rune(s)
		r.note("shuffle").Shuffle(len(runes), func(i, j int) { runes[i], runes[j] = runes[j], runes[i] })
		return string(runes)
	}
	funcs["uuidv4"] = func() string {
		b := bytesOf(r.note("uuidv4"), 16)
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	funcs["bcrypt"] = func(string) string { return "$2a$10$" + pick(r.note("bcrypt"), letters+digits, 53) }
	funcs["htpasswd"] = func(user, _ string) string {
		if strings.Contains(user, ":") {
			return "invalid username: " + user
		}
		return user + ":$2a$10$" + pick(r.note("htpasswd"), letters+digits, 53)
	}
	funcs["encryptAES"] = func(string, string) (string, error) {
		return base64.StdEncoding.EncodeToString(bytesOf(r.note("encryptAES"), 32)), nil
	}
}

func bytesOf(g *rand.Rand, n int) []byte {
	b := make([]byte, min(max(n, 0), maxRandom))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// certificate has the fields that templates use of sprig's.
type certificate struct{ Cert, Key string }

func (r *random) bindKeys(funcs template.FuncMap) {
	block := func(name, kind string, n int) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytesOf(r.note(name), n)}))
	}
	funcs["genPrivateKey"] = func(kind string) string {
		return block("genPrivateKey", map[string]string{"ecdsa": "EC PRIVATE KEY", "ed25519": "PRIVATE KEY", "dsa": "DSA PRIVATE KEY"}[kind], 64)
	}
	for _, name := range []string{"genCA", "genSelfSignedCert", "genSignedCert"} {
		funcs[name] = func(...any) certificate {
			return certificate{Cert: block(name, "CERTIFICATE", 96), Key: block(name, "RSA PRIVATE KEY", 96)}
		}
		funcs[name+"WithKey"] = func(args ...any) certificate {
			c := certificate{Cert: block(name+"WithKey", "CERTIFICATE", 96)}
			if len(args) > 0 {
				c.Key, _ = args[len(args)-1].(string)
			}
			return c
		}
	}
	funcs["buildCustomCert"] = func(cert, key string) (certificate, error) {
		c, err := base64.StdEncoding.DecodeString(cert)
		if err != nil {
			return certificate{}, fmt.Errorf("unable to decode base64 certificate: %w", err)
		}
		k, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			return certificate{}, fmt.Errorf("unable to decode base64 private key: %w", err)
		}
		return certificate{Cert: string(c), Key: string(k)}, nil
	}
}
