// Frames of the same origin (A14): one agent, in the highest window that includes the script, watches for all below it.
//
// The script of a frame and the script of its parent may run in either order. A frame's script asks each window above it, from
// the top down, by an event on that window's document; a parent that runs the script takes the frame and answers by
// preventDefault. When nobody answers, the frame keeps its own activity and asks again when a parent says that it has begun, or
// when the topmost parent has loaded. Then, still alone, it guards itself.
import { watch } from "./activity.js";

const taken = new Set(); // the windows that this one watches
const ask = "curfew:frame";
const here = "curfew:here";

// adopted calls taken with the parent's curfew object when a window above watches this one, and else alone.
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
    const parent = above.find((view) => {
      const event = new CustomEvent(ask, { detail: window, cancelable: true });
      return !view.document.dispatchEvent(event);
    });
    if (parent) settle(withParent, parent.curfew);
    return parent;
  };
  const guard = () => {
    document.addEventListener(ask, (event) => {
      // A page can send this event too. It gets nothing for what is no window below this one.
      if (!below(window, event.detail)) return;
      event.preventDefault();
      taken.add(event.detail);
      watch(event.detail);
    });
    alone();
    document.dispatchEvent(new CustomEvent(here));
  };

  if (above.length === 0) return guard();
  if (again()) return;
  const top = above[0];
  if (top.document.readyState === "complete") return settle(guard);
  for (const view of above) view.document.addEventListener(here, again);
  top.addEventListener("load", () => again() || settle(guard), { once: true });
}

// tell dispatches an event here and in every frame that this window watches (A15). It promises that all work has settled that their
// scripts handed in, or returns nothing when there is none.
export function tell(type, detail) {
  const work = [];
  detail.waitUntil = (promise) => { work.push(promise); };
  for (const view of [window, ...taken]) {
    try {
      if (view.closed) taken.delete(view);
      else view.document.dispatchEvent(new CustomEvent("curfew:" + type, { detail, bubbles: true }));
    } catch { /* it went to another origin */ }
  }
  if (work.length > 0) return Promise.allSettled(work);
}

// below says whether a window is a frame of another one, at any depth. Only the browser makes what it looks at.
function below(view, wanted) {
  for (let i = 0; i < view.length; i++) {
    if (view[i] === wanted || below(view[i], wanted)) return true;
  }
  return false;
}

// ancestors are the windows of this origin above this one, the topmost first.
function ancestors() {
  const found = [];
  for (let view = window; view !== view.parent;) {
    view = view.parent;
    try {
      if (!view.document) break;
    } catch {
      break; // another origin
    }
    found.unshift(view);
  }
  return found;
}
