// Package ratelimit holds many clients to a rate each in a fixed amount of memory. It is a count-min sketch (Cormode and Muthukrishnan,
// 2005, with conservative update) whose cells are token buckets in the form of the generic cell rate algorithm (ITU-T I.371, annex A): one
// instant each. Nobody has to be remembered or forgotten, and nobody can make it grow; a client shares its fate with another one only if
// both share a cell in every row.
package ratelimit

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// Limit is how much a client may do: so much a second on average, and so much at once after a pause.
type Limit struct {
	Rate  float64 // a second, from 0.001
	Burst float64 // at least 1
}

const (
	rows  = 2
	cells = 1 << 16 // in a row: with 1000 clients over their limit, another one meets them with a chance of 1 in 4000
)

// Limiter counts. Make it with New. It is safe for concurrent use and allocates nothing: 1 MiB. It reads no clock.
type Limiter struct {
	seeds [rows]maphash.Seed
	// free is, in each cell, the instant in microseconds at which the bucket is full again.
	free [rows][]atomic.Int64
}

// New makes a Limiter in which nobody has done anything yet.
func New() *Limiter {
	l := &Limiter{}
	for i := range rows {
		l.seeds[i], l.free[i] = maphash.MakeSeed(), make([]atomic.Int64, cells)
	}
	return l
}

// Key is a client.
type Key [rows]uint32

// Key finds the cells of a client by its name, such as an address or a session's ID with what it is asking for.
func (l *Limiter) Key(name []byte) (k Key) {
	for i := range rows {
		k[i] = uint32(maphash.Bytes(l.seeds[i], name) % cells)
	}
	return k
}

// Take takes one from a client's bucket at now. When there is none it takes nothing, and wait is how long until there is.
// Calls at the same moment may take more than one each, never less.
func (l *Limiter) Take(k Key, limit Limit, now time.Time) (wait time.Duration, ok bool) {
	one := limit.one()
	for {
		full, found := l.look(k, limit, now)
		next := full + one
		if wait := next - now.UnixMicro() - limit.depth(); wait > 0 {
			return time.Duration(wait) * time.Microsecond, false
		}
		taken := true
		for i := range rows { // a row in which others have done more keeps what it has
			if was := found[i]; was < next || was > now.UnixMicro()+limit.depth() {
				taken = l.free[i][k[i]].CompareAndSwap(was, next) && taken
			}
		}
		if taken {
			return 0, true
		}
	}
}

// Left reports whether Take would find something, and if not, how long until it does.
func (l *Limiter) Left(k Key, limit Limit, now time.Time) (wait time.Duration, ok bool) {
	full, _ := l.look(k, limit, now)
	if wait := full + limit.one() - now.UnixMicro() - limit.depth(); wait > 0 {
		return time.Duration(wait) * time.Microsecond, false
	}
	return 0, true
}

// look finds when a client's bucket is full again: now if it is.
func (l *Limiter) look(k Key, limit Limit, now time.Time) (full int64, found [rows]int64) {
	at := now.UnixMicro()
	for i := range rows {
		found[i] = l.free[i][k[i]].Load()
		seen := max(found[i], at)
		if seen > at+limit.depth() {
			seen = at // no bucket is that empty: the clock was set back, or the limit is another one now
		}
		if i == 0 || seen < full {
			full = seen
		}
	}
	return full, found
}

// one is how long it takes until there is one more, in microseconds.
func (l Limit) one() int64 { return max(int64(1e6/l.Rate), 1) }

// depth is how long it takes to fill an empty bucket.
func (l Limit) depth() int64 { return int64(float64(l.one()) * max(l.Burst, 1)) }
