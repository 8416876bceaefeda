// The stage: the shadow root that holds the dialog and the cover, and the top layer, where they stay above everything that the
// page shows: its own dialogs, popovers and full-screen elements, whatever their z-index.
import { hear } from "./activity.js";
import css from "./style.css";
import { site } from "./texts.js";

let host;
let root;
const shown = []; // the last one is on top
const escapes = new Map(); // what Escape does in each
const covers = new Set(); // of those, the ones that hide the page
let before; // what had the focus before the first one was shown, and all that it was in
let observer;
let raises = 0;

// While the page is covered it is not painted either, so that nothing of it that comes into the top layer unnoticed can be seen. It
// neither scrolls nor prints, and no view transition paints it over the cover. The :not() outweighs the page's own important rules.
const hiding = "html:not(#_#_#_){overflow:hidden!important}" +
  "html>:not(curfew-agent,#_#_#_){visibility:hidden!important}" +
  "@media print{html>:not(curfew-agent,#_#_#_){display:none!important}}" +
  "::view-transition{display:none!important}";
let hidden;

function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

function build() {
  host = document.createElement("curfew-agent");
  [host.lang, host.dir] = spoken;
  root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet(css)];
  hidden = sheet(hiding);
  // A page's handlers have no business with what happens in here, such as its keyboard shortcuts while it is covered.
  for (const kind of ["click", "keydown", "keyup", "keypress", "pointerdown", "pointerup", "mousedown", "mouseup", "focusin", "focusout"]) {
    host.addEventListener(kind, (event) => event.stopPropagation());
  }
  observer = new MutationObserver(() => {
    if (covers.size > 0 && document.title !== ours && spare()) retitle(ours); // the page's new title may be as private as the page
    if (shown.some((dialog) => !dialog.open || !dialog.isConnected)) raise();
  });
  // Whatever the page brings into the top layer after us lies above us, until we are brought there again.
  document.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open" && event.target !== host) queueMicrotask(raise);
  }, true);
  document.addEventListener("fullscreenchange", raise);
  // A dialog in a shadow root of the page says nothing when it opens, but it takes the focus, and so does a frame.
  const away = () => shown.length > 0 && document.hasFocus() && document.activeElement !== host && raise();
  document.addEventListener("focusin", away, true);
  addEventListener("blur", () => setTimeout(away));
}

let spoken = ["en", "ltr"];

// speak sets the language of all texts, and its direction.
export function speak(...language) {
  spoken = language;
  if (host) [host.lang, host.dir] = language;
}

// style adds to the look of what is shown.
export function style(text) {
  if (!root) build();
  root.adoptedStyleSheets.push(sheet(text));
}

// present shows a dialog on top of everything until dismiss. escape is called when a person presses Escape.
export function present(dialog, escape, cover = false) {
  if (!root) build();
  if (shown.length === 0) {
    before = focused();
    // The page's own color-scheme says whether it is dark. Without one the person's preference counts.
    const { colorScheme } = getComputedStyle(document.documentElement);
    host.style.colorScheme = colorScheme === "normal" ? document.querySelector("meta[name=color-scheme]")?.content ?? "" : colorScheme;
    observer.observe(document, { childList: true });
    observer.observe(document.documentElement, { childList: true });
    observer.observe(root, { childList: true, subtree: true, attributeFilter: ["open"] });
  }
  if (!shown.includes(dialog)) {
    if (!escapes.has(dialog)) {
      hear(dialog, "keydown", (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // it would close the dialog
        escapes.get(dialog)?.();
      });
    }
    escapes.set(dialog, escape);
    // Other ways to ask for closing, such as a phone's back gesture. A script can cause it too, so it means nothing.
    dialog.oncancel = (event) => event.preventDefault();
    shown.push(dialog);
  }
  if (cover) {
    covers.add(dialog);
    if (document.head) observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    document.activeViewTransition?.skipTransition();
    if (!document.adoptedStyleSheets.includes(hidden)) document.adoptedStyleSheets.push(hidden);
  }
  show(dialog);
  observer.takeRecords();
}

export function dismiss(dialog) {
  const at = shown.indexOf(dialog);
  if (at < 0) return;
  shown.splice(at, 1);
  if (covers.delete(dialog) && covers.size === 0) {
    retitle();
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== hidden);
  }
  dialog.close();
  dialog.remove();
  observer.takeRecords();
  if (shown.length > 0) return;
  observer.disconnect();
  try {
    giveBack(before.find((element) => element.isConnected));
  } catch { /* an element of the page's own making may do anything when it gets the focus */ }
}

// giveBack moves the focus to what had it. When that is gone, it goes to the nearest element around it that is still there, so that
// who reads or moves on from there does not begin at the top of the page again.
function giveBack(element) {
  const take = () => element?.focus?.({ preventScroll: true });
  take();
  if (element === before[0] || !element?.setAttribute || element.contains(document.body)) return;
  if (element.matches(":focus-within") || element.hasAttribute("tabindex")) return;
  element.setAttribute("tabindex", "-1");
  element.addEventListener("blur", () => element.removeAttribute("tabindex"), { once: true });
  take();
}

let ours; // the title that stands in the place of the page's
let theirs;

// retitle gives the tab another title, or without one the page's own again, even if the page has set it meanwhile.
export function retitle(text) {
  if (document.title !== ours) theirs = document.title;
  const next = text || theirs;
  if (next !== document.title) document.title = next;
  ours = text ? document.title : undefined; // as the browser keeps it
}

// brand makes what shows whose application this is: the operator's name, or the logo, for which the name stands in where it cannot be
// had.
export function brand() {
  const { name = "", logo } = site;
  const made = document.createElement("p");
  made.part = "brand";
  const spell = () => { made.textContent = name; };
  if (logo) made.append(Object.assign(new Image(), { part: "logo", alt: name, referrerPolicy: "no-referrer", onerror: spell, src: logo }));
  else spell();
  return made;
}

function show(dialog) {
  if (!host.isConnected) {
    document.documentElement.append(host);
    observer.observe(document.documentElement, { childList: true }); // it may be another one than before
  }
  if (dialog.parentNode !== root) root.append(dialog);
  if (dialog.open) dialog.close();
  dialog.showModal();
  dialog.scrollTop = 0; // the button that has the focus may be far below the title
}

// spare says whether the page may still be put right in this second. A script that undoes it as often must not hang the page.
function spare() {
  if (++raises === 1) setTimeout(() => { const more = raises > 20; raises = 0; if (more) raise(); }, 1000);
  return raises <= 20;
}

// raise brings everything shown to the top again, in its order.
function raise() {
  if (shown.length === 0 || !spare()) return;
  const focus = root.activeElement;
  for (const dialog of shown) show(dialog);
  focus?.focus();
  observer.takeRecords();
}

// focused is the element with the focus, and all that it is in, from the inside out.
function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const path = [];
  for (; element; element = element.parentNode ?? element.host) path.push(element);
  return path;
}
