// Server-sent events: the verifier says at once that the session has ended, instead of at the next heartbeat. The message is a
// hint to ask and never authority, so losing one costs nothing but time.
//
// A browser has six connections to a host under HTTP/1.1, so all its tabs share one stream: a lock elects the tab that holds it,
// and that tab tells the others. The lock is given back before the page may freeze: one that is kept in the back/forward cache
// never becomes free. Without locks or channels each visible tab has a stream of its own.
import { onState } from "./state.js";

const quiet = 1000; // milliseconds before a stream is opened: the page's own load comes first
const lived = 10_000; // a stream that ends after less is none, whatever its status was
const pause = 30_000; // up to twice this long until the next attempt where the browser makes none, or would make it too soon

// What each event means for a page: whether it may be frozen from then on.
const stills = { pagehide: true, freeze: true, pageshow: false, resume: false, visibilitychange: null };

// follow calls ended whenever the verifier says so, while the page is armed.
export function follow(prefix, ended) {
  if (!globalThis.EventSource) return;
  const { locks } = navigator;
  const shared = locks && globalThis.BroadcastChannel;
  const name = "curfew:" + prefix;
  let armed = false;
  let still = false;
  let stop;

  // stream opens a stream and returns what closes it.
  const stream = (then) => {
    let source;
    const open = () => {
      let since = Infinity;
      source = new EventSource(prefix + "events");
      source.addEventListener("ended", then);
      source.onopen = () => { since = performance.now(); };
      // The browser comes back by itself when a stream ends, as soon as the verifier told it to, but gives up for good on another
      // status, and is never tired of a verifier that does not answer.
      source.onerror = () => {
        if (source.readyState === EventSource.CONNECTING && performance.now() - since > lived) return since = Infinity;
        source.close();
        timer = setTimeout(open, pause * (1 + Math.random()));
      };
    };
    let timer = setTimeout(open, quiet);
    return () => {
      clearTimeout(timer);
      source?.close();
    };
  };

  // share waits for its turn to hold the stream, and listens to the tab that has it. It returns what gives both up.
  const share = () => {
    const channel = new BroadcastChannel(name);
    const control = new AbortController();
    const { signal } = control;
    let close;
    channel.onmessage = ended;
    locks.request(name, { signal }, () => signal.aborted || new Promise((release) => {
      const quit = stream(() => {
        channel.postMessage(0);
        ended();
      });
      close = () => release(quit());
    })).catch(() => {}); // given up before its turn came
    return () => {
      control.abort();
      channel.close();
      close?.();
    };
  };

  const update = () => {
    if (!armed || still || !shared && document.visibilityState === "hidden") stop = stop?.();
    else stop ??= shared ? share() : stream(ended);
  };
  for (const kind in stills) {
    addEventListener(kind, (event) => {
      if (!event.isTrusted) return;
      still = stills[kind] ?? still;
      update();
    }, true); // capture: some are events of the document
  }
  onState((state) => {
    armed = state === "armed";
    update();
  });
}
