package audit

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

const (
	portion    = 4096 // events that go to the store at once, so that nobody else waits long for it
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Run writes until the context has ended and everything is written, or Grace is over. It may be called once. Its error says how many
// events were lost at the end.
func (j *Journal) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(j.grace, cancel) })()
	forwarded := make(chan struct{})
	go func() {
		defer close(forwarded)
		j.forward.run(ctx)
	}()

	var batch []Event
	retry := time.Duration(0)
	for {
		ended := j.wait(ctx, work, retry)
		var err error
		if batch, err = j.write(work, batch); err != nil && work.Err() != nil {
			break
		}
		if err == nil && ended {
			break
		}
		if err == nil {
			retry = 0
		} else if retry = min(max(2*retry, firstRetry), lastRetry); ended {
			retry = min(retry, j.grace/10)
		}
	}
	select {
	case <-forwarded:
	case <-work.Done():
	}
	return j.stop(batch)
}

// wait returns when it is time to write. It reports whether the context has ended.
func (j *Journal) wait(ctx, work context.Context, retry time.Duration) (ended bool) {
	done := ctx.Done()
	if ctx.Err() != nil {
		done = work.Done()
	}
	if retry == 0 {
		if ctx.Err() != nil {
			return true
		}
		select {
		case <-done:
			return true
		case <-j.hurry:
			return false
		case <-j.wake:
		}
		retry = GatherFor
	}
	timer := time.NewTimer(retry)
	defer timer.Stop()
	select {
	case <-done:
	case <-j.hurry:
	case <-timer.C:
	}
	return ctx.Err() != nil
}

// write writes a batch that could not be written before, and then everything that waits now. It gives the batch that it could not
// write, and why.
func (j *Journal) write(ctx context.Context, batch []Event) ([]Event, error) {
	j.mu.Lock()
	target := j.queue.upTo()
	if len(batch) == 0 {
		batch = j.queue.take(portion)
	}
	j.mu.Unlock()
	for len(batch) > 0 {
		err := j.store.Append(ctx, batch)
		j.mu.Lock()
		before := j.failure
		if j.failure = err; err == nil {
			j.durable += uint64(len(batch))
			j.queue.done()
			j.tell()
			if batch = nil; j.durable < target {
				batch = j.queue.take(portion)
			}
		}
		j.mu.Unlock()
		switch {
		case err != nil && before == nil:
			j.log.Error("audit_write_failed", "error", err)
		case err == nil && before != nil:
			j.log.Info("audit_written_again")
		}
		if err != nil {
			return batch, err
		}
	}
	return nil, nil
}

// tell wakes everybody who waits for progress. The caller holds the lock.
func (j *Journal) tell() {
	close(j.progress)
	j.progress = make(chan struct{})
}

// stop counts what was left as lost.
func (j *Journal) stop(batch []Event) error {
	j.mu.Lock()
	j.stopped = true
	lost := 0
	for _, left := range [][]Event{batch, j.queue.events} {
		for _, e := range left {
			if e.Kind != Lost {
				lost++
			}
		}
	}
	j.queue.events = nil
	failure := cmp.Or(j.failure, ErrStopped)
	j.tell()
	j.mu.Unlock()
	if lost == 0 {
		return nil
	}
	j.dropped(lost)
	return fmt.Errorf("%d events could not be kept in the audit: %w", lost, failure)
}
