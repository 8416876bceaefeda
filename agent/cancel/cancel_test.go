package cancel_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/agent/cancel"
)

func TestEndsWithItsParentItsTimeAndByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := cancel.With(nil)
		child, endChild := cancel.With(parent)
		sibling, endSibling := cancel.Within(parent, time.Hour)
		short, endShort := cancel.Within(parent, time.Second)
		defer endShort()
		called := 0
		stop := cancel.AfterFunc(parent, func() { called++ })
		unheard := cancel.AfterFunc(parent, func() { t.Error("called although it was stopped") })
		unheard()
		unheard()

		endChild()
		if child.Err() == nil || parent.Err() != nil || sibling.Err() != nil || short.Err() != nil {
			t.Error("ending one ended another, or nothing")
		}
		time.Sleep(2 * time.Second)
		if !errors.Is(short.Err(), cancel.ErrCanceled) || sibling.Err() != nil {
			t.Error("the time did not end what it should")
		}
		end()
		end()
		synctest.Wait()
		if sibling.Err() == nil || called != 1 {
			t.Errorf("after its parent's end: %v, called %d times", sibling.Err(), called)
		}
		endSibling()
		stop()
	})
}

func TestNilNeverEnds(t *testing.T) {
	var never *cancel.Context
	cancel.AfterFunc(never, func() { t.Error("called") })()
	if never.Err() != nil || never.Done() != nil {
		t.Error("it ended")
	}
}
