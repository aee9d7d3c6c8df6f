package guard

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/object"
)

// Verdict is what came of asking a destination whether it would take an object.
type Verdict string

const (
	// Accepted: it would be taken as it is.
	Accepted Verdict = "accepted"
	// Denied: it would be refused.
	Denied Verdict = "denied"
	// Later: it builds on what the same change brings, so nobody can be asked yet.
	Later Verdict = "later"
	// Unknown: there was no answer.
	Unknown Verdict = "unknown"
)

// Answer is a destination's answer about one object, reduced to what may be shown.
type Answer struct {
	Place   object.Place
	ID      object.ID
	Verdict Verdict
	// Reasons say why it is not accepted; no value of the object stands in them.
	Reasons []string
	// Warnings are the API server's, about an object that it would take.
	Warnings []string
}

// mostReasons of one answer are told, and longestReason characters of each.
const (
	mostReasons   = 3
	longestReason = 300
)

// AnswerOf reduces what an API server says to a dry run of an object. The error is that of applying it, nil when it was taken.
func AnswerOf(o object.Object, brought Brought, warnings []string, err error) Answer {
	a := Answer{Place: o.Place, ID: o.ID(), Verdict: Denied}
	status := statusOf(err)
	switch {
	case err == nil:
		a.Verdict = Accepted
		a.Warnings = worthTelling(a.ID, warnings)
	case meta.IsNoMatchError(err):
		a.Verdict, a.Reasons = Unknown, []string{"the destination does not know the kind"}
		if len(brought.Kinds[a.ID.GroupKind()]) > 0 {
			a.Verdict, a.Reasons = Later, []string{"its kind comes with this change"}
		}
	case missingNamespace(status, a.ID):
		a.Reasons = []string{"there is no namespace " + a.ID.Namespace}
		if brought.Namespaces[a.ID.Namespace] {
			a.Verdict, a.Reasons = Later, []string{"its namespace comes with this change"}
		}
	case status == nil || apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsUnauthorized(err) || status.Code >= 500 && !decided(status.Message):
		a.Verdict, a.Reasons = Unknown, []string{unanswered(status)}
	default:
		a.Reasons = reasons(a.ID, err, status)
	}
	return a
}

func statusOf(err error) *metav1.Status {
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return nil
	}
	status := s.Status()
	return &status
}

// decided says whether the words of an answer that looks like a server's own failure are a refusal all the same.
func decided(message string) bool {
	return strings.Contains(message, "admission webhook") && strings.Contains(message, "denied the request") ||
		strings.HasPrefix(message, "failed to create typed patch object")
}

func missingNamespace(s *metav1.Status, id object.ID) bool {
	return s != nil && s.Reason == metav1.StatusReasonNotFound && s.Details != nil && s.Details.Kind == "namespaces" && id.Namespace != ""
}

// unanswered says why there is no answer, without what a server or a network happens to put into its error.
func unanswered(s *metav1.Status) string {
	if s == nil {
		return "the destination did not answer in time, or could not be reached"
	}
	return fmt.Sprintf("the destination answered %d %s", s.Code, s.Reason)
}

// reasons are the causes of a denial, each with its field and without the value that was refused.
func reasons(id object.ID, err error, s *metav1.Status) []string {
	secret := id.Group == "" && id.Kind == "Secret"
	var all []string
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			text := masked(c.Message)
			if secret {
				text = string(c.Type)
			}
			if c.Field != "" {
				text = c.Field + ": " + text
			}
			all = append(all, clipped(text))
		}
	}
	if len(all) == 0 {
		text := s.Message
		if secret { // an admission policy's words may quote what they are about
			text = err.Error()
		}
		all = []string{clipped(cmp.Or(masked(text), string(s.Reason), "it does not say why"))}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if more := len(all) - mostReasons; more > 0 {
		all = append(all[:mostReasons], fmt.Sprintf("and %d more", more))
	}
	return all
}

// quoting are the words after which an API server quotes the value that it refuses.
var quoting = []string{"Invalid value: ", "Unsupported value: ", "Duplicate value: ", "Too long: ", "Too many: "}

// typed are the words of an apply that cannot make sense of an object: a field, and what stood there.
var typed = regexp.MustCompile(`(?s)^failed to create typed patch object \([^)]*\): (?:errors:\s*)?(.*)$`)

// got is what stood in the place of something else.
var got = regexp.MustCompile(`, got [^\n]*`)

// masked cuts the values out of an API server's words: "Invalid value: "x": must be y" becomes "Invalid value: must be y".
func masked(text string) string {
	if m := typed.FindStringSubmatch(text); m != nil {
		return got.ReplaceAllString(m[1], "")
	}
	var b strings.Builder
	for {
		at, word := -1, ""
		for _, w := range quoting {
			if i := strings.Index(text, w); i >= 0 && (at < 0 || i < at) {
				at, word = i, w
			}
		}
		if at < 0 {
			return b.String() + text
		}
		b.WriteString(text[:at+len(word)])
		text = withoutValue(text[at+len(word):])
	}
}

// withoutValue is what follows a value and its colon.
func withoutValue(text string) string {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		return strings.TrimPrefix(text[len(quoted):], ": ")
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return ""
}

func clipped(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > longestReason {
		text = string([]rune(text)[:longestReason]) + " …"
	}
	return text
}

// worthTelling leaves out what another guard tells in better words.
func worthTelling(id object.ID, warnings []string) []string {
	var all []string
	for _, w := range warnings {
		if !strings.Contains(w, "is deprecated") && !strings.HasPrefix(w, "applied client-side") && (id.Kind != "Secret" || id.Group != "") {
			all = append(all, clipped(masked(w)))
		}
	}
	return all
}

// Answered makes findings of a destination's answers: what it would refuse, and what it warns of.
func Answered(answers []Answer, p Policy) []Finding {
	var found []Finding
	for _, a := range answers {
		if a.Verdict == Denied {
			found = append(found, Finding{Place: a.Place, ID: a.ID, Check: DryRun, Severity: Warn,
				Message: fmt.Sprintf("%s: the API server would refuse it: %s", a.ID, strings.Join(a.Reasons, "; "))})
		}
		for _, w := range a.Warnings {
			found = append(found, Finding{Place: a.Place, ID: a.ID, Check: DryRun, Severity: Note, Message: fmt.Sprintf("%s: the API server warns: %s", a.ID, w)})
		}
	}
	return p.Weigh(found)
}
