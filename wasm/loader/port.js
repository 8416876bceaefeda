// The port: all that the agent gets of the page. Go's main takes it; no script of the page ever sees it.
import { activity, expect, hear, late, onGap, revive } from "./activity.js";
import { choices, unsaved } from "./api.js";
import { cover, covered, uncover } from "./cover.js";
import { fail, isFailed } from "./failure.js";
import { tell } from "./frames.js";
import { onFailed, setState, state } from "./state.js";
import { brand, dismiss, present, retitle, speak, style } from "./stage.js";
import { site, texts } from "./texts.js";

const patience = 20_000; // a woken agent answers within the same event; after this long it is stuck

export function createPort({ mode, prefix, nonce, returnTo, stay }) {
  let away = false; // from pagehide until somebody comes back to the page, which may not be told by pageshow first
  let pending = false; // the agent was not there yet when somebody came back to the page
  let asked = 0; // when the agent was woken without having answered since

  const port = {
    mode, prefix, nonce, returnTo, stay, activity, texts, tell, unsaved, speak, brand, style, hear,
    site: JSON.stringify(site),
    // What the page is covered with when somebody comes to it after a gap. The agent puts it into the page's language.
    checking: ["One moment…", "We are checking that your session is still open."],
    // Set by the agent: to look, because of a person or not; after a gap; to hear of the page's life; to take a choice of the page's.
    wake: null, seen: null, gap: null, life: null, choose: null,
    // What the agent must begin with, when it comes only now.
    begin() { if (pending) look("gap"); },
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
    retitle(text) { if (!covered()) retitle(text); },
    cover(...args) { if (!isFailed()) cover(...args); },
    uncover() {
      if (isFailed()) return;
      if (state() === "ended") setState("armed"); // the same user is back, or a clock was set and it only seemed to be over
      uncover();
    },
    fail,
  };
  // sign-in, signed-in, frame: nothing is guarded there, and nobody answers
  if (mode === "frame" || mode[0] === "s" && mode !== "sign-out") return port;

  const look = (how) => {
    if (isFailed()) return;
    try {
      // A cover that stands already says more than this one, and writing on it would make it be spoken again.
      if (how === "gap" && !covered()) cover(...port.checking, "", null);
    } catch (error) {
      return fail("crash", error);
    }
    if (!port[how]) {
      pending ||= how === "gap";
      return;
    }
    const now = performance.now();
    if (asked > 0 && now - asked > patience) return fail("crash", "it does not answer");
    asked ||= now;
    port[how]();
  };
  // An agent that failed leads no other tabs, listens to nothing and sends nothing, even if it would come to itself.
  onFailed(() => {
    port.life?.("pagehide");
    port.stream?.close();
    port.release?.();
    port.stop?.();
  });
  onGap(() => look("gap"));
  choices((choice) => port.choose?.(choice));
  const live = (event) => {
    const kind = event.type;
    if (!event.isTrusted || isFailed() || kind === "focus" && event.target !== window) return;
    port.life?.(kind);
    const seen = document.visibilityState === "visible";
    // What was frozen knows nothing: somebody may have signed out meanwhile, so nothing is shown before the verifier has answered.
    const back = away && kind !== "pagehide" && (seen || kind === "pageshow");
    away = kind === "pagehide" || away && !back;
    if (kind === "resume" || back || seen && late()) look("gap");
    else if (!away) look(seen ? "seen" : "wake"); // nothing is asked by a page that is being left
  };
  const listen = () => {
    // Capture: some are events of the document. The network that comes back tells of a sleep before any timer does.
    for (const kind of ["pagehide", "freeze", "pageshow", "resume", "visibilitychange", "focus", "online"]) addEventListener(kind, live, true);
  };
  revive.push(listen);
  listen();
  return port;
}
