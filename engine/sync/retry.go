package sync

import (
	"strconv"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Defaults of retries.
const (
	DefaultRetryLimit = 5 // of automated syncs
	retryDuration     = 5 * time.Second
	retryFactor       = 2
	retryMax          = 3 * time.Minute
)

// Retry says whether a failed operation is tried again, and how long after the end of its attempt number count (the first is 0).
// A negative limit is none. What cannot be read as a duration is taken as the default.
func Retry(strategy argo.RetryStrategy, count int64) (wait time.Duration, again bool) {
	if strategy.Limit >= 0 && count >= strategy.Limit {
		return 0, false
	}
	wait, factor, limit := retryDuration, int64(retryFactor), retryMax
	if b := strategy.Backoff; b != nil {
		wait, limit = duration(b.Duration, wait), duration(b.MaxDuration, limit)
		if b.Factor != nil && *b.Factor > 0 {
			factor = *b.Factor
		}
	}
	for range count {
		if wait >= limit {
			break
		}
		if wait > limit/time.Duration(factor) {
			wait = limit
			break
		}
		wait *= time.Duration(factor)
		if factor == 1 {
			break
		}
	}
	return min(wait, limit), true
}

// duration reads "2m" or a bare number of seconds.
func duration(text string, otherwise time.Duration) time.Duration {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d
	}
	return otherwise
}
