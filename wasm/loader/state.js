// How the agent is, as globalThis.curfew.state tells it: "starting" until the agent guards the page, then "armed"; "ended" when
// the session is over; "failed" when the agent cannot run. A frame that its parent watches has the parent's state.
let current = () => "starting";
let told = () => {};

export const state = () => current();

export function setState(next) {
  if (typeof next === "function") current = next;
  else if (state() !== "failed" && state() !== next) {
    current = () => next;
    told(next);
  }
}

// onState calls then with every state that this page's own agent comes to.
export function onState(then) { told = then; }
