package middleware

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// Run hears of the environment's endings until ctx ends: it asks the verifier again and again, and each question waits there for an
// ending. The verifier acknowledges no ending to whoever asked for it before this process has taken note, or has been silent for so long
// that it has forgotten everything by itself. Call it once, in a goroutine of its own.
func (r *Remote) Run(ctx context.Context) {
	defer r.cache.deaf()
	feed, after := "", uint64(0)
	for ctx.Err() == nil {
		heard, sent, err := r.hear(ctx, feed, after)
		if err != nil || heard.Lease <= 0 { // nobody answers, or nothing may be kept
			r.cache.deaf()
			feed, after = "", 0
			pause(ctx, askAgain)
			continue
		}
		r.cache.heard(heard, sent)
		another := feed != "" && heard.Feed != feed
		feed, after = heard.Feed, heard.Next
		if another { // a restart; or one verifier after another answers, and then there would be no pause
			pause(ctx, askAgain)
		}
	}
}

// hear asks once for endings. The question may wait for a second, and takes no longer than that and Timeout.
func (r *Remote) hear(ctx context.Context, feed string, after uint64) (heard wire.Endings, sent time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second+r.c.Timeout)
	defer cancel()
	sent = r.c.Now()
	err = r.post(ctx, "endings", url.Values{wire.FieldFeed: {feed}, wire.FieldAfter: {strconv.FormatUint(after, 10)}}, &heard)
	return heard, sent, err
}

func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
