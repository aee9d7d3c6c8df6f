package appset

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Answers are what the generators of a set were told by those whom only its controller asks: forges about organisations, plugins, and
// objects of other kinds. They are never changed; the zero Answers are none.
type Answers struct{ told map[string]any }

// Known has generators go by answers that were given before, where nobody is to be asked on the word of the set at hand.
type Known struct {
	Answers
	// Base is the set for which they were given. Of what a plugin or an object of another kind says, only what its text names is handed to
	// templates: what else there is, another template is not to show.
	Base *argo.ApplicationSet
}

// outside is once for what only the controller asks.
func outside[T any](r *run, at NeedsWorld, question any, ask func() (T, error)) (T, error) {
	key, err := keyOf[T](question)
	if err != nil {
		var none T
		return none, err
	}
	if r.world.Known == nil {
		answer, err := once(r, question, ask)
		if err == nil {
			r.told[key] = answer
		}
		return answer, err
	}
	answer, ok := r.world.Known.told[key].(T)
	if !ok {
		at.Unanswered, at.Reason = true, "no answer to what it asks is at hand"
		return answer, &at
	}
	return answer, nil
}

// shown is what an answer gives to templates: all of it, unless it was given before. It shares nothing with the answer.
func (r *run) shown(answer map[string]any, at NeedsWorld) (map[string]any, error) {
	all, _ := clone(answer).(map[string]any)
	if r.world.Known == nil {
		return all, nil
	}
	if r.base == nil {
		r.base, r.words = spoken(r.world.Known.Base), spoken(r.set)
	}
	if hidden := r.limited(all, bare.MatchString(r.words.text)); hidden != "" {
		at.Reason = fmt.Sprintf("the template shows %s of what it is answered, which the base does not show", short(hidden))
		return nil, &at
	}
	return all, nil
}

// limited takes away what the base does not name. It yields what the set at hand shows nevertheless, or "". Open is whether its text has
// all of these values as a whole.
func (r *run) limited(values map[string]any, open bool) (hidden string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		base, head := r.base.mention(key), r.words.mention(key)
		switch {
		case base.whole:
			continue
		case !base.named:
			switch {
			case head.named:
				return key
			case open:
				return "more" // the key may tell something, too
			}
			delete(values, key)
			continue
		}
		for _, inner := range mapsIn(values[key]) {
			if hidden := r.limited(inner, open || head.whole); hidden != "" {
				return key + "." + hidden
			}
		}
	}
	return ""
}

// mapsIn are those that a value is, or is a list of.
func mapsIn(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var all []map[string]any
		for _, item := range v {
			all = append(all, mapsIn(item)...)
		}
		return all
	}
	return nil
}

// bare is a tag that takes all its parameters at once.
var bare = regexp.MustCompile(`{{(?s:[^}]*[\s({|,=])?[.$](?:[\s)|}]|$)`)

// vocabulary is all of a set's text that names parameters.
type vocabulary struct {
	text string
	keys map[string]mention
}

// mention is whether a text names a key, and whether it does so without going on to something within.
type mention struct{ named, whole bool }

// spoken is the text of a set's tags, and what its generators select and merge by.
func spoken(set *argo.ApplicationSet) *vocabulary {
	var b strings.Builder
	for _, part := range []any{set.Spec.Template, set.Spec.TemplatePatch, set.Spec.Generators} {
		var plain any
		if text, err := json.Marshal(part); err != nil || json.Unmarshal(text, &plain) != nil {
			continue
		}
		speak(&b, plain, false)
	}
	return &vocabulary{text: b.String(), keys: map[string]mention{}}
}

func speak(b *strings.Builder, v any, whole bool) {
	say := func(s string) {
		if whole {
			b.WriteString(s + "\n")
			return
		}
		for _, t := range tag.FindAllString(s, -1) {
			b.WriteString(t + "\n")
		}
	}
	switch v := v.(type) {
	case string:
		say(v)
	case []any:
		for _, item := range v {
			speak(b, item, whole)
		}
	case map[string]any:
		for key, item := range v {
			say(key)
			speak(b, item, whole || key == "selector" || key == "mergeKeys")
		}
	}
}

func (v *vocabulary) mention(key string) mention {
	m, known := v.keys[key]
	if !known {
		m = mentionOf(v.text, key)
		v.keys[key] = m
	}
	return m
}

func mentionOf(text, key string) (m mention) {
	if key == "" {
		return mention{true, true}
	}
	for from := 0; ; {
		i := strings.Index(text[from:], key)
		if i < 0 {
			return m
		}
		start, end := from+i, from+i+len(key)
		if (start == 0 || !inWord(text[start-1])) && (end == len(text) || !inWord(text[end])) {
			m.named = true
			if end+1 >= len(text) || text[end] != '.' || !inWord(text[end+1]) {
				return mention{true, true}
			}
		}
		from = start + 1
	}
}

func inWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}
