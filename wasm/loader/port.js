// The port: all that the agent gets of the page. Go's main takes it; no script of the page ever sees it.
import { activity, ended, expect, onLate } from "./activity.js";
import { cover, covered, uncover } from "./cover.js";
import { follow } from "./events.js";
import { fail, isFailed } from "./failure.js";
import { setState, state } from "./state.js";
import { dismiss, present } from "./stage.js";

const patience = 20_000; // a woken agent answers within the same event; after this long it is stuck

export function createPort({ mode, prefix, nonce, returnTo, stay }) {
  let asked = 0; // when the agent was woken without having answered since

  const port = {
    mode, prefix, nonce, returnTo, stay, activity,
    wake: null, // set by the agent, like gap
    gap: null,
    armed() {
      performance.mark("curfew:armed");
      setState("armed");
    },
    ended() { setState("ended"); },
    expect(wakeMillis, endMillis) {
      asked = 0;
      expect(wakeMillis, endMillis);
    },
    present(dialog, escape) { present(dialog, escape); },
    dismiss,
    cover(...args) { if (!isFailed()) cover(...args); },
    uncover() {
      if (isFailed()) return;
      if (state() === "ended") setState("armed"); // it only seemed so: a clock was set while the verifier did not answer
      uncover();
    },
    fail,
  };

  const look = (over, wake = port.wake) => {
    if (isFailed()) return;
    // A cover that stands already says more than this one, and writing on it would make it be spoken again.
    if (over && !covered()) cover("One moment…", "We are checking that your session is still open.", "", null);
    const now = performance.now();
    if (asked > 0 && now - asked > patience) return fail("crash", "it does not answer");
    asked ||= now;
    wake?.();
  };
  if (mode === "sign-in") return port; // nothing is guarded there, and nobody answers
  onLate(look);
  const seen = () => {
    if (port.wake && document.visibilityState === "visible") look(ended());
  };
  document.addEventListener("visibilitychange", seen);
  document.addEventListener("resume", seen);
  addEventListener("focus", seen);
  // Out of the back/forward cache: somebody may have signed out meanwhile, so nothing is shown before the verifier has answered.
  const gap = () => port.gap && look(true, port.gap);
  addEventListener("pageshow", (event) => event.persisted && gap());
  if (mode === "guard") follow(prefix, gap);
  return port;
}
