package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

const (
	attempts     = 5
	firstBackoff = 200 * time.Millisecond
	longestWait  = 10 * time.Second
)

// retried calls f until it succeeds, fails for good, or attempts or time run out. f must be harmless to repeat. Between calls it
// waits as long as the server asks, or else longer each time.
func retried[T any](ctx context.Context, timeout time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	wait := firstBackoff
	for attempt := 1; ; attempt++ {
		out, err := f(ctx)
		if err == nil || attempt == attempts || !passing(err) {
			return out, err
		}
		pause := wait/2 + rand.N(wait/2)
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			pause = min(longestWait, time.Duration(seconds)*time.Second)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return out, err
		}
		wait *= 2
	}
}

// passing says whether an error may be gone at the next attempt.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == 429 || code == 500 && apierrors.IsServerTimeout(err) || code == 502 || code == 503 || code == 504
	}
	var network net.Error
	return utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsHTTP2ConnectionLost(err) || utilnet.IsProbableEOF(err) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, &network) && network.Timeout()
}
