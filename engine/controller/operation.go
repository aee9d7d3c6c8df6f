package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// errSuperseded is of an operation that is no longer the application's: somebody else ended it.
var errSuperseded = errors.New("the operation is no longer the application's")

// stepsAtOnce bounds the steps of one reconcile, so that applications take turns.
const stepsAtOnce = 100

const (
	// lookAfter is when a waiting operation is looked at again if nothing brings news before.
	lookAfter = 10 * time.Second
	// windowAfter is when a sync that a window forbids is looked at again.
	windowAfter = 30 * time.Second
	// settleAfter is when an operation that has deleted hooks looks whether they are gone.
	settleAfter = 250 * time.Millisecond
)

// operate carries the application's operation on as far as it goes now. It says after how long time alone can carry it further.
func (p *pass) operate(ctx context.Context) (time.Duration, error) {
	state := p.app.Status.OperationState
	ongoing := state != nil && state.Phase.Running()
	if p.app.Operation == nil && !ongoing {
		p.memo.op = nil
		return 0, nil
	}
	if !ongoing {
		if err := p.begin(ctx); err != nil {
			return 0, err
		}
	} else if !p.memo.follows(state) {
		// Another process may have done more for this operation than our cache shows; what is done again must not be old.
		if err := p.reread(ctx); err != nil {
			return 0, err
		}
		if state = p.app.Status.OperationState; state == nil || !state.Phase.Running() {
			return 0, nil
		}
	}
	wait, err := p.carryOn(ctx)
	if errors.Is(err, errSuperseded) {
		p.log.Info("operation was superseded")
		return 0, nil
	}
	if left := p.untilOverdue(); wait > 0 && left > 0 {
		wait = soonest(wait, left)
	}
	return wait, err
}

// carryOn ends an operation that is to end, waits for the time of a retry, or does what can be done now.
func (p *pass) carryOn(ctx context.Context) (time.Duration, error) {
	for _, end := range []func(context.Context) error{p.overrun, p.giveWay} {
		if err := end(ctx); err != nil {
			return 0, err
		}
	}
	if wait, err := p.attempt(ctx); wait > 0 || err != nil {
		return wait, err
	}
	return p.inTime(ctx)
}

const (
	messageTerminating = "operation is terminating due to timeout"
	messageTerminated  = "Operation terminat" // ed, or ion had errors
	timeoutCause       = ", triggered by controller sync timeout"
)

// overrun has an operation that takes too long end as one that somebody terminates.
func (p *pass) overrun(ctx context.Context) error {
	if p.app.Status.OperationState.Phase != argo.OperationRunning || !p.overdue() {
		return nil
	}
	return p.persist(ctx, func(app *argo.Application) {
		s := app.Status.OperationState
		s.Phase, s.Message, s.FinishedAt = argo.OperationTerminating, messageTerminating, nil
	})
}

// inTime does what can be done now, unless a sync window forbids it. An operation that a window holds up waits for its time.
func (p *pass) inTime(ctx context.Context) (time.Duration, error) {
	state := p.app.Status.OperationState
	if p.proj == nil || p.terminates() {
		return p.advance(ctx)
	}
	reason := p.permits().Blocked(project.Attempt{
		App: p.app, Manual: !state.Operation.InitiatedBy.Automated, StartedAt: state.StartedAt.Time, Now: p.now()})
	if reason == "" {
		return p.advance(ctx)
	}
	return windowAfter, p.record(ctx, engine.Plan{
		Phase: argo.OperationRunning, Message: "Sync operation blocked by sync window: " + reason, Results: p.results()})
}

// reread replaces the application by what the API server has.
func (p *pass) reread(ctx context.Context) error {
	fresh := &argo.Application{}
	if err := p.reader.Get(ctx, client.ObjectKeyFromObject(p.app), fresh); err != nil {
		return fmt.Errorf("reading application %s again: %w", p.app.Name, err)
	}
	if fresh.UID != p.app.UID {
		return fmt.Errorf("application %s is another one now", p.app.Name)
	}
	p.app = fresh
	return nil
}

// begin records that the operation runs, before anything is done for it.
func (p *pass) begin(ctx context.Context) error {
	old := p.app.DeepCopy()
	p.app.Status.OperationState = &argo.OperationState{
		Operation: *p.app.Operation.DeepCopy(), Phase: argo.OperationRunning, StartedAt: metav1.NewTime(p.start()),
	}
	p.hold()
	if err := p.patch(ctx, old); err != nil {
		return err
	}
	op := p.app.Status.OperationState.Operation
	p.log.Info("operation started", "user", op.InitiatedBy.Username, "automated", op.InitiatedBy.Automated, "revision", revisionOf(op.Sync))
	if !op.InitiatedBy.Automated {
		p.event(eventStarted, "Sync", fmt.Sprintf("%s initiated sync to %s", orUnknown(op.InitiatedBy.Username), revisionOf(op.Sync)))
	}
	return nil
}

// start is when the operation that begins now begins, to the second. It is never that of the last one: hooks are told apart by it.
func (p *pass) start() time.Time {
	now := p.now().Truncate(time.Second)
	if last := p.app.Status.OperationState; last != nil && !now.After(last.StartedAt.Time) {
		return last.StartedAt.Add(time.Second)
	}
	return now
}

// attempt waits for the time of a retry, and begins it.
func (p *pass) attempt(ctx context.Context) (time.Duration, error) {
	state := p.app.Status.OperationState
	if state.FinishedAt == nil || state.Phase != argo.OperationRunning || p.app.Operation == nil {
		return 0, nil
	}
	wait, _ := engine.Retry(unlimited(state.Operation.Retry), state.RetryCount-1)
	if left := state.FinishedAt.Add(wait).Sub(p.now()); left > 0 {
		return left, nil
	}
	return 0, p.persist(ctx, func(app *argo.Application) {
		s := app.Status.OperationState
		s.FinishedAt, s.Message = nil, fmt.Sprintf("Retrying operation. Attempt #%d", s.RetryCount)
		switch {
		case s.SyncResult == nil:
		case s.Operation.Retry.Refresh:
			s.SyncResult = nil
		default:
			s.SyncResult.Resources = nil
		}
	})
}

// unlimited is for asking how long to wait when it has been decided to try again.
func unlimited(r argo.RetryStrategy) argo.RetryStrategy {
	r.Limit = -1
	return r
}

// advance does steps until the operation waits or ends.
func (p *pass) advance(ctx context.Context) (time.Duration, error) {
	state := p.app.Status.OperationState
	progress := p.memo.operation(state, p.now())
	g, failure := p.gather(ctx, progress)
	if failure != nil {
		return p.fail(ctx, failure)
	}
	for range stepsAtOnce {
		plan := engine.Next(g.input(ctx, p, progress))
		if plan.Phase.Completed() {
			return p.finish(ctx, plan)
		}
		read := p.app.ResourceVersion
		if err := p.record(ctx, plan); err != nil {
			return 0, err
		}
		progress.note(plan.Results, p.now())
		if plan.Step == nil {
			return soonest(plan.Again, lookAfter), nil
		}
		if p.app.ResourceVersion == read && !plan.Step.DryRun { // there was nothing to record, so nothing has shown that we are not late
			if err := p.stillOurs(ctx); err != nil {
				p.memo.op = nil
				return 0, err
			}
		}
		outcomes, err := p.runner.Do(ctx, g.actor, plan.Step)
		g.absorb(p.memo.recent, outcomes, p.now())
		progress.tried.DryRun = progress.tried.DryRun || plan.Step.DryRun && err == nil
		progress.tried.Cleanup = progress.tried.Cleanup || plan.Step.Cleanup && slices.ContainsFunc(outcomes, func(o engine.Outcome) bool { return o.Failed })
		results := engine.Record(plan.Results, plan.Step, outcomes)
		g.done = results
		progress.note(results, p.now())
		if err != nil {
			return 0, errors.Join(err, p.recordResults(context.WithoutCancel(ctx), results))
		}
		if plan.Step.Removes() && !plan.Step.Cleanup {
			return settleAfter, p.recordResults(ctx, results)
		}
	}
	return time.Millisecond, p.recordResults(ctx, g.done)
}

// failure is why an operation cannot go on, or not now.
type failure struct {
	phase   argo.OperationPhase
	message string
	err     error // of the world, to be tried again without ending the operation
}

func (p *pass) fail(ctx context.Context, f *failure) (time.Duration, error) {
	if f.err != nil && p.terminates() {
		return p.finish(ctx, engine.Plan{Phase: argo.OperationError, Message: "Operation termination had errors: " + f.err.Error(), Results: p.results()})
	}
	if f.err != nil {
		return 0, f.err
	}
	return p.finish(ctx, engine.Plan{Phase: f.phase, Message: f.message, Results: p.results()})
}

// terminates reports whether the operation is to end: somebody said so, or took the request away.
func (p *pass) terminates() bool {
	return p.app.Operation == nil || p.app.Status.OperationState.Phase == argo.OperationTerminating || p.overdue()
}

func (p *pass) results() []argo.ResourceResult {
	if r := p.app.Status.OperationState.SyncResult; r != nil {
		return r.Resources
	}
	return nil
}

// record persists a decision that does not end the operation.
func (p *pass) record(ctx context.Context, plan engine.Plan) error {
	return p.persist(ctx, func(app *argo.Application) {
		s := app.Status.OperationState
		if s.Phase != argo.OperationTerminating {
			s.Phase = plan.Phase
		}
		if plan.Message != "" && !strings.HasPrefix(s.Message, messageEnding+messageSuperseded) {
			s.Message = plan.Message
		}
		if s.SyncResult != nil {
			s.SyncResult.Resources = plan.Results
		}
	})
}

func (p *pass) recordResults(ctx context.Context, results []argo.ResourceResult) error {
	return p.persist(ctx, func(app *argo.Application) {
		if s := app.Status.OperationState; s.SyncResult != nil {
			s.SyncResult.Resources = results
		}
	})
}

// finish records the end, or that there will be another attempt. The request is cleared in the same write.
func (p *pass) finish(ctx context.Context, plan engine.Plan) (time.Duration, error) {
	state := p.app.Status.OperationState
	now := metav1.NewTime(p.now().Truncate(time.Second))
	if wait, again := engine.Retry(state.Operation.Retry, state.RetryCount); again && !plan.Phase.Successful() && !p.terminates() {
		p.memo.op = nil
		p.log.Info("operation failed, trying again", "message", plan.Message, "in", wait)
		return wait, p.persist(ctx, func(app *argo.Application) {
			s := app.Status.OperationState
			s.Phase, s.FinishedAt = argo.OperationRunning, &now
			s.RetryCount++
			s.Message = fmt.Sprintf("%s. Retrying attempt #%d at %s.", plan.Message, s.RetryCount, now.Add(wait).Format(time.Kitchen))
			if s.SyncResult != nil {
				s.SyncResult.Resources = plan.Results
			}
			app.Status.Resources = withApplied(app.Status.Resources, plan.Results)
		})
	}
	plan.Message += p.epilogue(plan)
	err := p.persist(ctx, func(app *argo.Application) {
		s := app.Status.OperationState
		s.Phase, s.Message, s.FinishedAt = plan.Phase, plan.Message, &now
		if s.SyncResult == nil {
			s.SyncResult = attempted(app, s.Operation.Sync)
		}
		s.SyncResult.Resources = plan.Results
		if s.Operation.Sync == nil || !s.Operation.Sync.DryRun {
			app.Status.Resources = withApplied(app.Status.Resources, plan.Results)
		}
		appendHistory(app, s)
		app.Operation = nil
	})
	if err != nil {
		return 0, err
	}
	p.memo.op = nil
	p.memo.ask(levelLatest)
	p.log.Info("operation ended", "phase", plan.Phase, "message", plan.Message)
	done := operationText(p.app.Status.OperationState)
	if plan.Phase.Successful() {
		p.event(eventCompleted, "Sync", done+" succeeded")
	} else {
		p.warn(eventCompleted, "Sync", done+" failed: "+plan.Message)
	}
	return 0, nil
}

// epilogue is what the message of an operation's end says beside the reason, when it did not succeed.
func (p *pass) epilogue(end engine.Plan) string {
	state, text := p.app.Status.OperationState, ""
	if end.Phase.Successful() {
		return ""
	}
	cause, superseded := strings.CutPrefix(state.Message, messageEnding)
	switch {
	case !strings.HasPrefix(end.Message, messageTerminated):
	case superseded && strings.HasPrefix(cause, messageSuperseded):
		text = cause
	case p.overdue():
		text = timeoutCause
	}
	if state.RetryCount > 0 {
		text += fmt.Sprintf(" (retried %d times).", state.RetryCount)
	}
	return text
}

// attempted is the result of an operation that ended before its revisions were pinned: what it was asked for, so that automated sync
// does not ask for the same again at once.
func attempted(app *argo.Application, s *argo.SyncOperation) *argo.SyncOperationResult {
	r := &argo.SyncOperationResult{}
	if s == nil {
		return r
	}
	spec := app.Spec.DeepCopy()
	useSources(spec, s)
	r.Revision, r.Revisions = s.Revision, s.Revisions
	if sources := spec.SourceList(); spec.HasMultipleSources() {
		r.Sources = sources
	} else if len(sources) > 0 {
		r.Source = sources[0]
	}
	return r
}

// persist writes a change of the operation's state. When somebody else has written the application in between, the change is made
// to what they left, as long as it is still this operation and nobody else has carried it on; that one was told to terminate is kept.
func (p *pass) persist(ctx context.Context, change func(*argo.Application)) error {
	before := p.app.Status.OperationState.DeepCopy()
	for try := 0; ; try++ {
		old := p.app.DeepCopy()
		change(p.app)
		err := p.patch(ctx, old)
		if !apierrors.IsConflict(err) || try == 5 {
			return err
		}
		if err := p.reread(ctx); err != nil {
			return err
		}
		s := p.app.Status.OperationState
		if s == nil || !s.Phase.Running() || !s.StartedAt.Equal(&before.StartedAt) || s.RetryCount != before.RetryCount {
			return errSuperseded
		}
		if !asLeft(before, s) {
			p.memo.op = nil // another process is at it: what we know of it is old
			return err
		}
	}
}

// asLeft reports whether an operation's state is as we left it, but that somebody may have asked for its end.
func asLeft(before, now *argo.OperationState) bool {
	asked := *now
	asked.Phase, asked.Message = before.Phase, before.Message
	return equality.Semantic.DeepEqual(before, &asked) && (now.Message == before.Message || now.Phase == argo.OperationTerminating)
}
