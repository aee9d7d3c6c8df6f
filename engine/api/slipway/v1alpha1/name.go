package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// What a Lock can be on; the first argument of LockName.
const (
	LockApplication = "application"
	LockEnvironment = "environment"
)

// hashLength is in hexadecimal digits: 80 bits, with which no two of a
// million names meet by chance.
const hashLength = 20

// readableLength bounds the part of a name that is for people, so that the
// whole fits into a label (63).
const readableLength = 32

// PullRequestName is the name of the PullRequest resource for a pull request:
// pr-NUMBER-HASH. Hosts are compared without regard to case.
func PullRequestName(host string, repositoryID int64, number int) string {
	n := strconv.Itoa(number)
	return "pr-" + n + "-" + hash("pullrequest", strings.ToLower(host), strconv.FormatInt(repositoryID, 10), n)
}

// PullRequestNumber reads the number out of a name that PullRequestName gave
// for a repository; ok is false for any other word.
func PullRequestNumber(name, host string, repositoryID int64) (number int, ok bool) {
	rest, ok := strings.CutPrefix(name, "pr-")
	if !ok {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, "-")
	number, err := strconv.Atoi(digits)
	return number, err == nil && name == PullRequestName(host, repositoryID, number)
}

// RepositoryName is the name of the Repository resource for a repository:
// repo-ID-HASH. Hosts are compared without regard to case.
func RepositoryName(host string, id int64) string {
	n := strconv.FormatInt(id, 10)
	return "repo-" + n + "-" + hash("repository", strings.ToLower(host), n)
}

// LockName is the name of the Lock resource on something: KIND-NAME-HASH, with
// as much of the name as fits. The kind is LockApplication or LockEnvironment;
// an environment's namespace is empty.
func LockName(kind, namespace, name string) string {
	h := hash("lock", kind, namespace, name)
	readable := dnsLabel(kind + "-" + name)
	if readable == "" {
		return "lock-" + h
	}
	return readable + "-" + h
}

// hash binds its parts with their lengths, so that no two lists of parts give
// the same input.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:hashLength]
}

// dnsLabel keeps of s what may stand at the beginning of a resource's name.
func dnsLabel(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, s)
	if len(clean) > readableLength {
		clean = clean[:readableLength]
	}
	return strings.Trim(clean, "-")
}
