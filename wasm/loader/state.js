// How the agent is, as globalThis.curfew.state tells it: "starting" until the agent guards the page, then "armed"; "ended" when
// the session is over; "failed" when the agent cannot run. A frame that its parent watches has the parent's state.
let current = () => "starting";
let failed = () => {};

export const state = () => current();

export function setState(next) {
  if (typeof next === "function") current = next;
  else if (state() !== "failed" && state() !== next) {
    current = () => next;
    if (next === "failed") queueMicrotask(failed); // the page is covered before
  }
}

// onFailed sets what happens when the agent has failed.
export function onFailed(then) { failed = then; }
