// What a page's own scripts may use: globalThis.curfew, and the same on the script's element. See curfew.d.ts.
import { state } from "./state.js";

const marked = new Set(); // documents with unsaved work: this one, and those of its frames
let take = () => false; // hands a choice to the agent
let above; // the api of the window that watches this one

// As they were when this script ran: what a page puts in their place later must not answer for a person.
const active = Object.getOwnPropertyDescriptor(globalThis.UserActivation?.prototype ?? {}, "isActive")?.get;
const activation = globalThis.navigator?.userActivation;

export const api = Object.freeze({
  get state() { return state(); },
  // A script must not keep a session alive (D1): this works only while the browser handles what a person did.
  stay() { return above ? above.stay() : active?.call(activation) === true && take("stay"); },
  signOut() { return above ? above.signOut() : take("sign_out"); },
  markUnsaved(unsaved, page = document) {
    if (above) above.markUnsaved(unsaved, page);
    else if (unsaved && page?.defaultView) marked.add(page);
    else marked.delete(page);
  },
});

// choices sets who takes what the page chooses.
export function choices(then) { take = (choice) => state() === "armed" && then(choice) === true; }

// pass makes this page's api that of a window above it.
export function pass(to) { above = to; }

// unsaved says whether there is unsaved work here or in a frame. A document that was left has no view any more.
export function unsaved() {
  for (const page of marked) if (!page.defaultView) marked.delete(page);
  return marked.size > 0;
}
