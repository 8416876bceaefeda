package audit

import (
	"context"
	"fmt"
)

// Verified is what was found of an unbroken chain.
type Verified struct {
	Entries int  `json:"entries"`
	First   Link `json:"first"` // the place before the oldest entry
	Last    Link `json:"last"`  // the newest entry
	// Trusted says that nothing vouches for the oldest entry, because a file begins within the chain. The store always vouches.
	Trusted bool `json:"trusted,omitempty"`
}

// Verify goes through the whole chain of a store. The error is a *Broken that names the first entry that does not fit, or the
// store's. progress, which may be nil, is told after each entry how many were looked at, and how many there are.
func Verify(ctx context.Context, s Store, progress func(done, all int64)) (Verified, error) {
	return VerifyEach(ctx, s, progress, func(Entry) {})
}

// VerifyEach is Verify that shows each entry that fits.
func VerifyEach(ctx context.Context, s Store, progress func(done, all int64), each func(Entry)) (Verified, error) {
	var found Verified
	var at, end, dropped Link
	err := s.Walk(ctx, func(first, last Link) error {
		found.First, at, end = first, first, last
		return nil
	}, func(e Entry) (err error) {
		if at.Seq >= end.Seq {
			return &Broken{end.Seq + 1, fmt.Sprintf("it was added from outside: the chain ends before it, and entry %d is there", e.Seq)}
		}
		if at, err = at.Follow(e); err != nil {
			return err
		}
		if e.Kind == Trimmed {
			if dropped, err = trimmed(e); err != nil {
				return err
			}
		}
		each(e)
		if found.Entries++; progress != nil {
			progress(at.Seq-found.First.Seq, end.Seq-found.First.Seq)
		}
		return nil
	})
	found.Last = at
	switch {
	case at == end && found.First.Seq != 0 && found.First != dropped:
		return found, &Broken{1, fmt.Sprintf("entries up to %d are missing, and no entry says that they were dropped", found.First.Seq)}
	case err != nil:
		return found, err
	case at.Seq != end.Seq:
		return found, &Broken{at.Seq + 1, fmt.Sprintf("it is missing: the chain ends before it, and once went on to entry %d", end.Seq)}
	case at != end:
		return found, &Broken{at.Seq, "it, or one before it, was written anew: the chain once ended with another"}
	}
	return found, nil
}

// trimDetail is how an entry of kind Trimmed names the last entry that was dropped.
const trimDetail = "%d entries were dropped, up to %d with hash %s"

// TrimEvent is the event that says which entries were dropped: some, up to a place.
func TrimEvent(dropped int, upTo Link, now int64, actor string) Event {
	return Event{At: now, Kind: Trimmed, Actor: actor, Detail: fmt.Sprintf(trimDetail, dropped, upTo.Seq, upTo.Hash)}
}

func trimmed(e Entry) (upTo Link, err error) {
	var count int
	var hash string
	if _, err := fmt.Sscanf(e.Detail, trimDetail, &count, &upTo.Seq, &hash); err != nil {
		return Link{}, &Broken{e.Seq, "it does not say which entries were dropped"}
	}
	if err := upTo.Hash.UnmarshalText([]byte(hash)); err != nil {
		return Link{}, &Broken{e.Seq, err.Error()}
	}
	return upTo, nil
}
