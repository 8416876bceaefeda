// The times of human activity. The listeners run for every raw event, so they only compare and store; nothing enters WebAssembly.
//
// Only what a person did counts (D1): the browser marks events that scripts made up as not trusted. Chromium also sends
// pointermove when the page moves under a resting pointer, so one without movement does not count, nor does the first one, of
// which nobody knows. Scroll events do not count at all: a scroll by a script is trusted too, and every scroll by a person
// comes with a wheel, touch, key or pointer event, which counts.

// activity holds both clocks at the last human activity, in milliseconds: Date.now() and performance.now(). Zeros: none yet.
export const activity = { wall: 0, mono: 0 };

const kinds = ["pointerdown", "keydown", "wheel", "touchstart", "touchmove"];

let x = null;
let y = null;
let due = { wall: Infinity, mono: Infinity }; // the agent has looked at the page by then, or there was a gap
let apart = 0; // what the two clocks differed by when it last did
let gap = () => {};

// As they were when this script ran: what a page puts in their place later must neither get hold of the listeners nor
// answer for an event. The getter throws for whatever is no event. Where a page is only rendered there is neither.
const listen = globalThis.EventTarget?.prototype.addEventListener;
const trusted = globalThis.document && Object.getOwnPropertyDescriptor(new Event(""), "isTrusted").get;

// hear calls then for every event of a kind that a person caused.
export function hear(target, kind, then) {
  listen.call(target, kind, (event) => { if (trusted.call(event)) then(event); });
}

// revive has what listens in this window, to be done again in a document that was opened anew for writing: it has lost all
// listeners. Where they are still there, nothing changes.
export const revive = [];

// watch listens in this window or in a frame of the same origin. Capture, so that no page can stop what it wants to keep from us.
export function watch(view) {
  const options = { capture: true, passive: true };
  for (const kind of kinds) listen.call(view, kind, count, options);
  listen.call(view, "pointermove", move, options);
}

function move(event) {
  if (!event.isTrusted) return;
  if (event.screenX === x && event.screenY === y) return;
  const first = x === null;
  x = event.screenX;
  y = event.screenY;
  if (!first) count(event);
}

function count(event) {
  if (!trusted.call(event)) return;
  const wall = Date.now();
  const mono = performance.now();
  activity.wall = wall;
  activity.mono = mono;
  if (late(wall, mono)) gap();
}

// How late in milliseconds the agent wakes without any gap, while the page is seen and while it is hidden, and how far the clocks
// may move apart. The agent has the same numbers (agent/gap.go).
const lateSeen = 10_000;
const lateHidden = 75_000;
const maxApart = 5_000;

// expect sets when the agent means to wake and when the session ends, in milliseconds from now; 0: unknown.
export function expect(wakeMillis, endMillis) {
  const wall = Date.now();
  const mono = performance.now();
  const slack = document.visibilityState === "visible" ? lateSeen : lateHidden;
  const limit = Math.min(wakeMillis + slack, endMillis || Infinity);
  due = { wall: wall + limit, mono: mono + limit };
  apart = wall - mono;
}

// late says whether there was a gap (A13): the agent should have woken long ago, the session may have ended, or the clocks have moved
// apart, because the machine slept or somebody set one of them. The wall clock goes on while the machine sleeps, and the
// monotonic one cannot be set back.
export function late(wall = Date.now(), mono = performance.now()) {
  return wall > due.wall || mono > due.mono || Math.abs(wall - mono - apart) > maxApart && due.mono < Infinity;
}

// onGap sets what happens when activity comes after a gap.
export function onGap(then) { gap = then; }
