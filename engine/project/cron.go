package project

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// schedule is a cron expression of five fields: minute, hour, day of month, month, day of week. Each is a set of bits.
type schedule struct {
	minute, hour, day, month, weekday uint64
	// anyDay and anyWeekday say that the field is a star. If neither is, a day is met when either field is.
	anyDay, anyWeekday bool
}

// field is the range of a cron field, and its names if it has any.
type field struct {
	name     string
	min, max int
	names    []string // of the values from min on
}

var fields = [5]field{
	{"minute", 0, 59, nil}, {"hour", 0, 23, nil}, {"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

var descriptors = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// parseSchedule reads a cron expression.
func parseSchedule(text string) (schedule, error) {
	if long, ok := descriptors[strings.TrimSpace(text)]; ok {
		text = long
	}
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return schedule{}, fmt.Errorf("schedule %q has %d fields, not %d", text, len(parts), len(fields))
	}
	var sets [5]uint64
	for i, part := range parts {
		var err error
		if sets[i], err = fields[i].parse(part); err != nil {
			return schedule{}, fmt.Errorf("schedule %q: %s: %w", text, fields[i].name, err)
		}
	}
	s := schedule{sets[0], sets[1], sets[2], sets[3], sets[4], star(parts[2]), star(parts[4])}
	s.weekday |= s.weekday >> 7 & 1 // 7 is Sunday too
	return s, nil
}

func star(part string) bool { return strings.HasPrefix(part, "*") || strings.HasPrefix(part, "?") }

// parse reads one field: a list of values, ranges and stars, each with a step or not.
func (f field) parse(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		every := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("%q is no step", step)
			}
			every = n
		}
		from, to, err := f.span(span, stepped)
		if err != nil {
			return 0, err
		}
		for v := from; v <= to; v += every {
			set |= 1 << v
		}
	}
	return set, nil
}

// span reads a star, a value, or a range. A single value with a step reaches to the end.
func (f field) span(text string, stepped bool) (from, to int, err error) {
	if text == "*" || text == "?" {
		return f.min, f.max, nil
	}
	low, high, ranged := strings.Cut(text, "-")
	if from, err = f.value(low); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		to, err = f.value(high)
	case stepped:
		to = f.max
	default:
		to = from
	}
	if err == nil && from > to {
		err = fmt.Errorf("%q runs backwards", text)
	}
	return from, to, err
}

func (f field) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(name, text) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max {
		return 0, fmt.Errorf("%q is not between %d and %d", text, f.min, f.max)
	}
	return n, nil
}

// meets reports whether the schedule names the minute of t, in t's zone.
func (s schedule) meets(t time.Time) bool {
	has := func(set uint64, n int) bool { return set>>n&1 == 1 }
	day, weekday := has(s.day, t.Day()), has(s.weekday, int(t.Weekday()))
	days := day && weekday
	if !s.anyDay && !s.anyWeekday {
		days = day || weekday
	}
	return has(s.minute, t.Minute()) && has(s.hour, t.Hour()) && has(s.month, int(t.Month())) && days
}

// longest is how long a window may stay open; beyond it only the first part is looked at.
const longest = 366 * 24 * time.Hour

var errDuration = errors.New("is no duration above 0")

// openAt reports whether a window that opens by the schedule and stays open for a duration is open at t.
func (s schedule) openAt(t time.Time, duration time.Duration) bool {
	duration = min(duration, longest)
	for m := t.Truncate(time.Minute); t.Sub(m) < duration; m = m.Add(-time.Minute) {
		if s.meets(m) {
			return true
		}
	}
	return false
}
