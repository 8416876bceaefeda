// Frames of the same origin (A10, A14): one agent, in the highest window that includes the script, watches for all below it.
//
// The script of a frame and the script of its parent may run in either order. A frame's script asks each window above it, from
// the top down, by an event on that window's document; a parent that runs the script takes the frame and answers by
// preventDefault. When nobody answers, the frame keeps its own activity and asks again when a parent says that it has begun, or
// when all windows above have loaded. Then, still alone, it guards itself.
import { watch } from "./activity.js";

const taken = new Set(); // weak references to the documents that this window watches: one that is gone stays for nobody's sake
const ask = "curfew:frame";
const here = "curfew:here";

// A window that never loads keeps its frames waiting for so long. Of several frames in each other the upper ones settle first, each
// step so much earlier, so that the lower ones find them. In milliseconds.
const patience = 10_000;
const step = 250;

// As it was when this script ran; see activity.js. A page can put anything in the place of its window's parent.
const parentOf = Object.getOwnPropertyDescriptor(globalThis, "parent")?.get;

// adopted calls withParent with the parent's curfew object when a window above watches this one, and else alone.
export function adopted(withParent, alone) {
  const above = ancestors();
  let settled = false;
  const settle = (then, ...args) => {
    if (settled) return;
    settled = true;
    for (const view of above) view.document.removeEventListener(here, again);
    then(...args);
  };
  const again = () => {
    const parent = !settled && found(above);
    if (parent) settle(withParent, parent.curfew);
    return settled;
  };
  const guard = () => {
    document.addEventListener(ask, (event) => {
      // A page can send this event too. It gets nothing for what is no window below this one.
      const view = event.detail;
      if (!below(view)) return;
      event.preventDefault();
      if (![...frames()].includes(view.document)) taken.add(new WeakRef(view.document));
      watch(view);
    });
    alone();
    document.dispatchEvent(new CustomEvent(here));
  };
  const wait = () => {
    if (again()) return;
    const busy = above.find((view) => view.document.readyState !== "complete");
    busy?.addEventListener("load", wait, { once: true });
    setTimeout(() => again() || settle(guard), (busy ? patience : 0) + step * (above.length - 1));
  };

  if (above.length === 0) return guard();
  for (const view of above) view.document.addEventListener(here, again);
  wait();
}

// askAgain asks the windows above once more: a document that was opened anew for writing has lost all its listeners.
export function askAgain() { found(ancestors()); }

// found is the window above that takes this one.
function found(above) {
  return above.find((view) => !view.document.dispatchEvent(new CustomEvent(ask, { detail: window, cancelable: true })));
}

// tell dispatches an event here and in every frame that this window watches (A15). It promises that all work has settled that their
// scripts handed in, or returns nothing when there is none.
export function tell(type, detail) {
  const work = [];
  detail.waitUntil = (promise) => { work.push(promise); };
  for (const page of [document, ...frames()]) {
    page.dispatchEvent(new CustomEvent("curfew:" + type, { detail, bubbles: true }));
  }
  if (work.length > 0) return Promise.allSettled(work);
}

// frames are the documents of the frames that this window watches, and forgets those that were left or removed: they have no view.
function* frames() {
  for (const weak of taken) {
    const page = weak.deref();
    if (page?.defaultView) yield page;
    else taken.delete(weak);
  }
}

// below says whether something is the window of a frame of this one, at any depth, also of one in a shadow tree.
function below(view) {
  try {
    for (let above; view && view !== window; view = above) {
      above = parentOf.call(view);
      if (above === window) return true;
      if (above === view) break;
    }
  } catch { /* no window */ }
  return false;
}

// ancestors are the windows of this origin above this one, the topmost first.
function ancestors() {
  const found = [];
  try {
    for (let view = window, above; (above = parentOf.call(view)) !== view && above.document; view = above) found.unshift(above);
  } catch { /* another origin */ }
  return found;
}
