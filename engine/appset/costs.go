package appset

import (
	"reflect"
	"regexp/syntax"
	"strings"
)

// costs are those of the functions that can yield much more than they take, or work much longer than that.
var costs = map[string]cost{
	"repeat":  func(a []any) int { return times(number(a, 0), size(a, 1)) },
	"indent":  indentCost,
	"nindent": indentCost,
	"until":   func(a []any) int { return times(span(0, number(a, 0), 1), 8) },
	"untilStep": func(a []any) int {
		return times(span(number(a, 0), number(a, 1), number(a, 2)), 8)
	},
	"seq":     seqCost,
	"replace": func(a []any) int { return times(strings.Count(text(a, 2), text(a, 0)), size(a, 1)) },
	"join":    func(a []any) int { return times(length(a, 1), size(a, 0)) },
	"wrapWith": func(a []any) int {
		return times(size(a, 2)+1, size(a, 1))
	},
	"printf":      printfCost,
	"uniq":        square,
	"mustUniq":    square,
	"without":     square,
	"mustWithout": square,

	"regexMatch": regexCost, "mustRegexMatch": regexCost,
	"regexFind": regexCost, "mustRegexFind": regexCost,
	"regexFindAll": regexCost, "mustRegexFindAll": regexCost,
	"regexSplit": regexCost, "mustRegexSplit": regexCost,
	"regexReplaceAll": regexReplaceCost, "mustRegexReplaceAll": regexReplaceCost,
	"regexReplaceAllLiteral": regexReplaceCost, "mustRegexReplaceAllLiteral": regexReplaceCost,
}

// times multiplies without running over; -1 is more than anything.
func times(a, b int) int {
	if a < 0 || b < 0 {
		return 0 // the function itself says what it thinks of that
	}
	if b > 0 && a > maxValue/b {
		return -1
	}
	return a * b
}

func text(args []any, i int) string {
	if i >= len(args) {
		return ""
	}
	s, _ := args[i].(string)
	return s
}

func size(args []any, i int) int { return len(text(args, i)) }

func number(args []any, i int) int {
	if i >= len(args) {
		return 0
	}
	n, _ := args[i].(int)
	return n
}

func length(args []any, i int) int {
	if i >= len(args) {
		return 0
	}
	if v := reflect.ValueOf(args[i]); v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
		return v.Len()
	}
	return 1
}

// span is how many numbers there are from one to another.
func span(from, to, step int) int {
	if step == 0 {
		return 0
	}
	distance, stride := uint(to)-uint(from), uint(step)
	if to < from {
		distance = uint(from) - uint(to)
	}
	if step < 0 {
		stride = -stride
	}
	return int(min(distance/stride, maxValue)) + 1
}

func seqCost(a []any) int {
	n := 0
	switch len(a) {
	case 1:
		n = span(1, number(a, 0), 1)
	case 2:
		n = span(number(a, 0), number(a, 1), 1)
	case 3:
		n = span(number(a, 0), number(a, 2), number(a, 1))
	}
	return times(n, 20)
}

func indentCost(a []any) int { return times(number(a, 0), strings.Count(text(a, 1), "\n")+1) }

func square(a []any) int { return times(length(a, 0), max(length(a, 0), len(a))) }

// printfCost allows each verb its width and the largest argument.
func printfCost(a []any) int {
	format := text(a, 0)
	largest := 0
	for _, arg := range a[min(1, len(a)):] {
		n, err := measure(arg, 0)
		if err != nil {
			return -1
		}
		largest = max(largest, 4*n)
	}
	total, width := 0, 0
	for i := range len(format) {
		switch c := format[i]; {
		case c == '%':
			total = min(total+largest, maxValue+1)
		case c == '*':
			total = min(total+largestNumber(a), maxValue+1)
		case c >= '0' && c <= '9':
			width = min(width*10+int(c-'0'), maxValue+1)
			continue
		}
		total = min(total+width, maxValue+1)
		width = 0
	}
	return total
}

func largestNumber(a []any) int {
	n := 0
	for _, arg := range a {
		if w, ok := arg.(int); ok {
			n = min(max(n, w, -w), maxValue+1)
		}
	}
	return n
}

// regexCost is what running a regular expression over a text can take: its length times the instructions of the program.
func regexCost(a []any) int {
	parsed, err := syntax.Parse(text(a, 0), syntax.Perl)
	if err != nil {
		return 0 // the function reports it
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return times(len(program.Inst), size(a, 1)/16+1)
}

func regexReplaceCost(a []any) int {
	searching, writing := regexCost(a), times(size(a, 1)+1, size(a, 2)+1)
	if searching < 0 || writing < 0 {
		return -1
	}
	return max(searching, writing)
}
