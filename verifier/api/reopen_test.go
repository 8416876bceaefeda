package api_test

import (
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/verifier/engine"
)

var retries = regexp.MustCompile(`retry: (\d+)\n\n`)

// retries are the times that a stream told its browser to wait before it opens another.
func (l *listener) retries(t *testing.T) (all []time.Duration) {
	t.Helper()
	for _, found := range retries.FindAllStringSubmatch(l.heard(), -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Duration(n)*time.Millisecond)
	}
	return all
}

// D4: streams that began together end at other moments, and are opened again soon, because each is alone then; streams that a verifier closes all at
// once are opened again at other moments.
func TestD4_StreamsComeBackOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var all []*listener
		for range engine.MaxWatches {
			all = append(all, s.listen(t, s.cookie))
			time.Sleep(time.Millisecond)
		}
		apart := map[time.Duration]bool{}
		for i, l := range all {
			told := l.retries(t)
			if len(told) != 1 || told[0] < 2*time.Second || told[0] > 7*time.Second {
				t.Fatalf("stream %d is to be opened again after %v", i, told)
			}
			apart[told[0]] = true
		}
		if len(apart) < len(all)-1 {
			t.Errorf("%d streams come back at %d moments", len(all), len(apart))
		}
		stopped := all[0]
		stopped.stop() // as when the verifier stops
		<-stopped.done
		if told := stopped.retries(t); len(told) != 2 || told[1] < 2*time.Second || told[1] > 7*time.Second {
			t.Errorf("when it is closed it is to be opened again after %v", told)
		}

		ends := map[time.Duration]bool{}
		for began := time.Now(); time.Since(began) < 11*time.Minute; time.Sleep(time.Second) {
			synctest.Wait()
			for _, l := range all[1:] {
				if told := l.retries(t); !l.open() && !ends[-told[0]] {
					ends[-told[0]] = true // counted
					ends[time.Since(began)] = true
					if since := time.Since(began); since < 8*time.Minute-time.Second || told[len(told)-1] != time.Second {
						t.Errorf("a stream ended after %s and is to be opened again after %v", since, told)
					}
				}
			}
		}
		moments := 0
		for at := range ends {
			if at > 0 {
				moments++
			}
		}
		if moments < 4 {
			t.Errorf("seven streams that began together ended at %d moments", moments)
		}
	})
}
