package render

import "regexp"

// quotations are the messages of parsers and validators that quote what they stumble on, which may be a password: an unquoted one that
// begins with "*" is an alias to a YAML parser. What is wrong, and where, is said without it.
var quotations = []struct {
	is   *regexp.Regexp
	said string
}{
	{regexp.MustCompile(`unknown anchor '[^\n]*' referenced`), "a value that begins with * names an anchor that is not there; put it in quotes if it is text"},
	{regexp.MustCompile("cannot (unmarshal|decode|construct) (!!\\w+) `[^\n]*?`"), "cannot $1 $2"},
	{regexp.MustCompile(`invalid map key: [^\n]*`), "a key is neither text nor a number"},
	{regexp.MustCompile(`literal sources \[[^\n]*\]:`), "literals:"},
	{regexp.MustCompile(`invalid literal source [^\n]*, expected key=value`), "a literal is not of the form key=value"},
	{regexp.MustCompile(`"(?:[^"\\]|\\.)*" is not a valid key name: [^\n]*`), "a key has characters that keys cannot have"},
	{regexp.MustCompile(`'(?:[^'\\]|\\.)*' (does not match pattern|is not valid)`), "it $1"},
	{regexp.MustCompile(`illegal base64 data at input byte \d+`), "illegal base64 data"},
}

// discreet is a message without what it quotes.
func discreet(message string) string {
	for _, q := range quotations {
		message = q.is.ReplaceAllString(message, q.said)
	}
	return message
}
