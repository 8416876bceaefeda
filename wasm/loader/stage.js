// The stage: the shadow root that holds the dialog and the cover, and the top layer, where they stay above everything that the
// page shows: its own dialogs, popovers and full-screen elements, whatever their z-index.
import css from "./style.css";

let host;
let root;
const shown = []; // the last one is on top
const covers = new Set(); // of those, the ones that hide the page
let before; // what had the focus before the first one was shown
let observer;
let raises = 0;

// While the page is covered it neither scrolls nor prints, and no view transition paints it over the cover. The :not() outweighs
// the page's own important rules.
const hiding = "html:not(#_#_#_){overflow:hidden!important}" +
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
    if (shown.some((dialog) => !dialog.open || !dialog.isConnected)) raise();
  });
  // Whatever the page brings into the top layer after us lies above us, until we are brought there again.
  document.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open" && event.target !== host) queueMicrotask(raise);
  }, true);
  document.addEventListener("fullscreenchange", raise);
  // A dialog in a shadow root of the page says nothing when it opens, but it takes the focus, and so does a frame.
  const away = () => covers.size > 0 && document.activeElement !== host && raise();
  document.addEventListener("focusin", away, true);
  addEventListener("blur", () => setTimeout(away));
}

let spoken = ["en", "ltr"];

// speak sets the language of all texts, and its direction.
export function speak(...language) {
  spoken = language;
  if (host) [host.lang, host.dir] = language;
}

// present shows a dialog on top of everything until dismiss. escape is called when a person presses Escape.
export function present(dialog, escape, cover = false) {
  if (!root) build();
  if (shown.length === 0) {
    before = focused();
    observer.observe(document, { childList: true });
    observer.observe(document.documentElement, { childList: true });
    observer.observe(root, { childList: true, subtree: true, attributeFilter: ["open"] });
  }
  if (!shown.includes(dialog)) {
    dialog.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // it would close the dialog
      if (event.isTrusted) escape?.();
    };
    // Other ways to ask for closing, such as a phone's back gesture. A script can cause it too, so it means nothing.
    dialog.oncancel = (event) => event.preventDefault();
    shown.push(dialog);
  }
  if (cover) {
    covers.add(dialog);
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
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== hidden);
  }
  dialog.close();
  dialog.remove();
  observer.takeRecords();
  if (shown.length > 0) return;
  observer.disconnect();
  if (before?.isConnected) before.focus({ preventScroll: true });
  before = null;
}

function show(dialog) {
  if (!host.isConnected) {
    document.documentElement.append(host);
    observer.observe(document.documentElement, { childList: true }); // it may be another one than before
  }
  if (dialog.parentNode !== root) root.append(dialog);
  if (dialog.open) dialog.close();
  dialog.showModal();
}

// raise brings everything shown to the top again, in its order.
function raise() {
  if (shown.length === 0) return;
  // A script that takes our elements out as often as we put them in must not hang the page.
  if (++raises > 20) return;
  if (raises === 1) setTimeout(() => { const more = raises > 20; raises = 0; if (more) raise(); }, 1000);
  const focus = root.activeElement;
  for (const dialog of shown) show(dialog);
  focus?.focus();
  observer.takeRecords();
}

function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}
