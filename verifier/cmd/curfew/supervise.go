package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// supervisor is systemd, or nobody (sd_notify(3)): without NOTIFY_SOCKET nothing is told.
type supervisor struct{ log *slog.Logger }

func (s supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("supervisor_not_told", "error", err)
	}
}

// ready says that requests are answered, and on which addresses.
func (s supervisor) ready(where string) {
	s.tell(daemon.SdNotifyReady + "\nSTATUS=" + where)
}

func (s supervisor) stopping() {
	s.tell(daemon.SdNotifyStopping + "\nSTATUS=finishing what is under way")
}

// reloading says that a configuration is being put in force, until it has been.
func (s supervisor) reloading() (done func()) {
	// Type=notify-reload wants to know since when (RELOADING=1 and MONOTONIC_USEC= in one message).
	s.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
	return func() { s.tell(daemon.SdNotifyReady) }
}

// watchdog tells the supervisor, where it wants to hear it, that the verifier is alive, twice in the time after which it would be restarted.
// alive must come back for that; a store that refuses is no reason to restart, because that would not mend it.
func (s supervisor) watchdog(ctx context.Context, alive func(context.Context)) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("supervisor_not_told", "error", fmt.Errorf("watchdog: %w", err))
		return
	}
	if within == 0 {
		return
	}
	ticker := time.NewTicker(within / 2)
	defer ticker.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, within/2)
		alive(asked)
		cancel()
		s.tell(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
