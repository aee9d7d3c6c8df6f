package health

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func at() time.Time { return time.Date(2026, 3, 1, 12, 30, 5, 0, time.UTC) }

func rulesOf(t *testing.T, custom map[string]Customization) *Rules {
	t.Helper()
	r, errs := New(custom, at)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	r.limit = time.Hour // steps end scripts here, on a slow machine too
	return r
}

// Each script judges the same object; the result is "Status message", "none", or "Unknown" with the error.
func TestScripts(t *testing.T) {
	object := parse(t, `{apiVersion: example.com/v1, kind: Thing, metadata: {name: x, generation: 3}, spec: {text: hello, empty: {}, none: null, list: [1, 2.5, a]},
  status: {conditions: [{type: Ready, status: "False", message: soon}]}}`)
	for name, c := range map[string]struct {
		script, want string
		open         bool
	}{
		"an answer":                {script: `return {status="Healthy", message="fine"}`, want: "Healthy fine"},
		"no message":               {script: `return {status="Progressing"}`, want: "Progressing "},
		"other fields":             {script: `return {status="Healthy", extra={1,2}}`, want: "Healthy "},
		"any case":                 {script: `return {Status="Healthy"}`, want: "Healthy "},
		"the last of several":      {script: `return 1, {status="Healthy"}`, want: "Healthy "},
		"nothing":                  {script: `local x = 1`, want: "none"},
		"nil":                      {script: `return nil`, want: "none"},
		"an empty table":           {script: `return {}`, want: "none"},
		"a list":                   {script: `return {"Healthy"}`, want: "none"},
		"a message that is none":   {script: `return {status="Healthy", message=3}`, want: "none"},
		"a status that is none":    {script: `return {status="Fine"}`, want: "Unknown " + invalidStatus},
		"a message alone":          {script: `return {message="x"}`, want: "Unknown " + invalidStatus},
		"a text":                   {script: `return "Healthy"`, want: "Unknown expect table output from Lua script, not string"},
		"a number":                 {script: `return 3`, want: "Unknown expect table output from Lua script, not number"},
		"a function inside":        {script: `return {status="Healthy", f=function() end}`, want: "Unknown cannot encode function to JSON"},
		"mixed keys":               {script: `return {status="Healthy", 1}`, want: "Unknown cannot encode mixed or invalid key types"},
		"a sparse list":            {script: `return {status="Healthy", l={[1]=1, [3]=3}}`, want: "Unknown cannot encode sparse array"},
		"a table in itself":        {script: `local t = {}; t.t = t; return t`, want: "Unknown cannot encode recursively nested tables to JSON"},
		"a fault":                  {script: `return obj.status.missing.deeper`, want: "Unknown <string>:1: attempt to index a non-table object(nil) with key 'deeper'"},
		"an error of its own":      {script: `error("no", 0)`, want: "Unknown no"},
		"the object":               {script: `for i, c in ipairs(obj.status.conditions) do if c.type == "Ready" then return {status="Progressing", message=c.message} end end`, want: "Progressing soon"},
		"a number as it is":        {script: `if obj.metadata.generation == 3 and obj.spec.list[2] == 2.5 then return {status="Healthy"} end`, want: "Healthy "},
		"null is nothing":          {script: `if obj.spec.none == nil and next(obj.spec.empty) == nil then return {status="Healthy"} end`, want: "Healthy "},
		"tables":                   {script: `local t = {"b", "a"}; table.sort(t); return {status="Healthy", message=table.concat(t, ",") .. #t .. table.getn(t)}`, want: "Healthy a,b22"},
		"the clock by require":     {script: `local os = require("os"); return {status="Healthy", message=os.date("!%Y-%m-%dT%XZ") .. os.time()}`, want: "Healthy 2026-03-01T12:30:05Z1772368205"},
		"the clock":                {script: `return {status="Healthy", message=os.date("%y%m%d%H%M", 0) .. os.time({year=1970, month=1, day=2, hour=0})}`, want: "Healthy 700101000086400"},
		"no texts":                 {script: `return {status=string.format("x")}`, want: "Unknown <string>:1: attempt to index a non-table object(nil) with key 'format'"},
		"texts where they are":     {script: `return {status="Healthy", message=string.format("%d %s", 3, ("x"):rep(3)) .. math.floor(2.5) .. string.gsub("abc", "b", string.upper)}`, open: true, want: "Healthy 3 xxx2aBc"},
		"printing goes nowhere":    {script: `print("secret"); return {status="Healthy"}`, want: "Healthy "},
		"no metatables of others":  {script: `getmetatable("").__index = nil; return {status="Healthy"}`, open: true, want: "Healthy "},
		"an endless loop":          {script: `while true do end`, want: "Unknown <string>:1: the script takes too many steps"},
		"a loop that holds on":     {script: `while true do pcall(function() while true do end end) end`, want: "Unknown <string>:1: the script takes too many steps"},
		"endless depth":            {script: `local function f() return 1 + f() end; return f()`, want: "Unknown <string>:1: stack overflow"},
		"a text that doubles":      {script: `local s = "x"; for i = 1, 60 do s = s .. s end`, want: "Unknown <string>:1: the script makes too long a text"},
		"doubling in a table":      {script: `local t = {s="x"}; for i = 1, 60 do t.s = t.s .. t.s end`, want: "Unknown <string>:1: the script makes too long a text"},
		"a text repeated":          {script: `return {message=string.rep("x", 1e12)}`, open: true, want: "Unknown <string>:1: the script makes too long a text"},
		"a search without end":     {script: `return {status=string.find(string.rep("a", 1e5), ".-.-.-.-.-.-b")}`, open: true, want: "Unknown <string>:1: the pattern may be tried too often on so long a text"},
		"a search":                 {script: `return {status="Healthy", message=("2/3 ready"):match("^(%d+)/%d+") .. tostring(("a-b"):find("-", 1, true))}`, open: true, want: "Healthy 22"},
		"a long list joined":       {script: `local s = string.rep("x", 1e6); local t = {}; for i = 1, 1e4 do t[i] = s end; return {message=table.concat(t)}`, open: true, want: "Unknown <string>:1: the script makes too long a text"},
		"a long text put in":       {script: `local s = string.rep("x", 1e6); return {message=string.gsub(s, "x", s)}`, open: true, want: "Unknown <string>:1: the script makes too long a text"},
		"a long text put in later": {script: `local s = string.rep("x", 1e5); return {message=string.gsub(string.rep("x", 100), "x", function() return s end)}`, open: true, want: "Unknown <string>:1: the script makes too long a text"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rulesOf(t, map[string]Customization{"example.com/Thing": {Health: c.script, OpenLibs: c.open}})
			got := "none"
			if h := r.Of(t.Context(), object); h != nil {
				got = string(h.Status) + " " + h.Message
			}
			if got != c.want && !(strings.HasPrefix(c.want, "Unknown <string>:1: stack") && strings.Contains(got, "stack overflow")) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// What would reach out of a script is in no state, whatever libraries a kind opens.
func TestScriptsReachNothing(t *testing.T) {
	object := parse(t, `{apiVersion: v1, kind: ConfigMap}`)
	for _, open := range []bool{false, true} {
		for _, name := range []string{"io", "debug", "coroutine", "channel", "package", "dofile", "load", "loadfile", "loadstring", "module", "newproxy",
			"collectgarbage", "_printregs", "getfenv", "setfenv", "os.execute", "os.getenv", "os.exit", "os.remove", "os.rename", "os.tmpname", "os.clock", "string.dump"} {
			if !open && strings.HasPrefix(name, "string.") {
				continue
			}
			r := rulesOf(t, map[string]Customization{"ConfigMap": {Health: "if " + name + ` == nil then return {status="Healthy"} end`, OpenLibs: open}})
			if h := r.Of(t.Context(), object); h == nil || h.Status != Healthy {
				t.Errorf("%s is there (open: %v): %v", name, open, h)
			}
		}
		for _, name := range []string{"io", "debug", "coroutine", "socket", "/etc/passwd"} {
			r := rulesOf(t, map[string]Customization{"ConfigMap": {Health: `require("` + name + `")`, OpenLibs: open}})
			if h := r.Of(t.Context(), object); h == nil || !strings.HasSuffix(h.Message, "module "+name+" not found") {
				t.Errorf("require %s: %v", name, h)
			}
		}
	}
}

func TestRulesOfAnInstallation(t *testing.T) {
	r := rulesOf(t, map[string]Customization{
		"*.crossplane.io/*":       {Health: `return {status="Healthy", message="any"}`},
		"s3.aws.crossplane.io/*":  {Health: `return {status="Healthy", message="some"}`},
		"x.crossplane.io/Own":     {Health: `return {status="Healthy", message="this"}`},
		"z.crossplane.io/Z":       {Actions: "discovery.lua: return {}"},
		"Service":                 {Health: `return {status="Suspended"}`},
		"certmanager.*/Certific*": {Health: `return {status="Missing"}`},
	})
	for text, want := range map[string]string{
		"{apiVersion: x.crossplane.io/v1, kind: Own}":                                               "Healthy this",
		"{apiVersion: x.crossplane.io/v1, kind: Other}":                                             "Healthy any",
		"{apiVersion: s3.aws.crossplane.io/v1, kind: Bucket}":                                       "Healthy some",
		"{apiVersion: z.crossplane.io/v1, kind: Z}":                                                 "Healthy any",
		"{apiVersion: v1, kind: Service}":                                                           "Suspended ",
		"{apiVersion: certmanager.k8s.io/v1, kind: Certificate}":                                    "Missing ",
		"{apiVersion: v1, kind: ConfigMap}":                                                         "none",
		"{apiVersion: v1, kind: Service, metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}}":    "Progressing Pending deletion",
		"{apiVersion: argoproj.io/v1alpha1, kind: Workflow, status: {phase: Running, message: go}}": "Progressing go",
	} {
		got := "none"
		if h := r.Of(t.Context(), parse(t, text)); h != nil {
			got = string(h.Status) + " " + h.Message
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if !r.Customized(schema.GroupKind{Kind: "Service"}) || r.Customized(schema.GroupKind{Kind: "Pod"}) {
		t.Error("which kinds have scripts is told wrongly")
	}
	var none *Rules
	if h := none.Of(t.Context(), parse(t, "{apiVersion: v1, kind: Service}")); h == nil || h.Status != Healthy || none.Of(t.Context(), nil) != nil {
		t.Errorf("without rules: %v", h)
	}
}

func TestCustomizationsThatCannotBeRead(t *testing.T) {
	r, errs := New(map[string]Customization{
		"a.b/C": {Health: "return {"}, "a.b/D": {Actions: "- x"}, "a.b/E": {Actions: "discovery.lua: 'return ('"}, "[/*": {Health: "return {}"},
		"a.b/F": {Health: strings.Repeat(" ", scriptSource+1)},
	}, at)
	if len(errs) != 5 {
		t.Fatalf("%d errors, want 5: %v", len(errs), errs)
	}
	if h := r.Of(t.Context(), parse(t, "{apiVersion: a.b/v1, kind: C}")); h == nil || h.Status != Unknown || h.Message == "" {
		t.Errorf("a script that cannot be compiled: %v", h)
	}
}

func TestScriptsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := rulesOf(t, map[string]Customization{"Service": {Health: `return {status="Healthy"}`}})
	if h := r.Of(ctx, parse(t, "{apiVersion: v1, kind: Service}")); h == nil || h.Status != Unknown || !strings.Contains(h.Message, "context canceled") {
		t.Errorf("got %v", h)
	}
}

func TestScriptsEndInTime(t *testing.T) {
	r := rulesOf(t, map[string]Customization{"Service": {Health: `while true do end`}})
	r.limit = time.Nanosecond
	if h := r.Of(t.Context(), parse(t, "{apiVersion: v1, kind: Service}")); h == nil || h.Status != Unknown || !strings.Contains(h.Message, "context deadline exceeded") {
		t.Errorf("got %v", h)
	}
}

// Scripts run side by side keep nothing of one another.
func TestScriptsAtOnce(t *testing.T) {
	r := rulesOf(t, map[string]Customization{"ConfigMap": {Health: `seen = (seen or 0) + 1; return {status="Healthy", message=obj.metadata.name .. seen}`}})
	var wait sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		wait.Go(func() {
			u := parse(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: "+name+"}}")
			for range 50 {
				if diff := cmp.Diff(&Health{Healthy, name + "1"}, r.Of(t.Context(), u)); diff != "" {
					t.Error(diff)
					return
				}
			}
		})
	}
	wait.Wait()
}
