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
const never = { wall: Infinity, mono: Infinity };
let due = never; // the agent should have looked at the page by then
let end = never; // the session ends then
let late = () => {};

// As they were when this script ran: what a page puts in their place later must neither get hold of the listeners nor
// answer for an event. The getter throws for whatever is no event.
const listen = EventTarget.prototype.addEventListener;
const trusted = Object.getOwnPropertyDescriptor(new Event(""), "isTrusted").get;

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
  if (wall > due.wall || mono > due.mono) late(passed(end, wall, mono));
}

// expect sets when the agent means to wake and when the session ends, in milliseconds from now; 0: unknown. After a gap, in
// which no timer ran, the first event comes later than that by one of the clocks: the wall clock goes on while the machine
// sleeps, and the monotonic one cannot be set back (A13).
export function expect(wakeMillis, endMillis) {
  due = after(endMillis > 0 ? Math.min(wakeMillis + slack, endMillis) : wakeMillis + slack);
  end = endMillis > 0 ? after(endMillis) : never;
}

const slack = 1500; // timers are late by up to this without any gap: hidden pages' timers run once a second

function after(millis) {
  return { wall: Date.now() + millis, mono: performance.now() + millis };
}

const passed = (limit, wall, mono) => wall > limit.wall || mono > limit.mono;

// onLate sets what happens when activity comes later than expected. It is told whether the session's end has passed.
export function onLate(then) { late = then; }

// ended says whether the session's end has passed by one of the clocks.
export const ended = () => passed(end, Date.now(), performance.now());
