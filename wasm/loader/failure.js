// Failures: what the person reads, and what the console says to whoever has to fix it. Nothing technical is shown to a person.
import { cover } from "./cover.js";
import { speak } from "./stage.js";
import { setState } from "./state.js";
import { texts } from "./texts.js";

const general = "Part of this page, which keeps your session safe, could not start. Try again. If that does not help, ask the people who run this service.";

const kinds = {
  network: [
    "Check your connection and try again.",
    "the agent could not be downloaded. Check that the verifier answers at this address, and that the page's Content-Security-Policy has connect-src 'self'.",
  ],
  status: [
    general,
    "the verifier did not send the agent. Reload; if it stays, agent.js and the .wasm file come from different versions: serve both from one verifier, and let no proxy cache agent.js.",
  ],
  integrity: [
    general,
    "the agent's bytes are not the ones that this agent.js was built with, so they were not run. Look for a proxy that changes or caches them.",
  ],
  policy: [
    general,
    "the page's Content-Security-Policy forbids WebAssembly. Add 'wasm-unsafe-eval' to its script-src.",
  ],
  compile: [general, "the browser could not compile the agent."],
  unsupported: [
    "This browser is too old for this page. Update it, or use another one.",
    "the browser has no WebAssembly.",
  ],
  crypto: [
    general,
    "WebCrypto is missing. It exists only in secure contexts: serve the page over https, or from localhost for development.",
  ],
  storage: [
    "This browser does not allow the page to store what keeps your session safe. Leave private browsing, or allow this site to store data, and try again.",
    "IndexedDB is missing, blocked or broken, so that there is no place for the session's key.",
  ],
  crash: [general, "the agent stopped."],
  agent: [general, "the agent failed."],
};

let failed = false;

// isFailed says whether the page is covered for good.
export const isFailed = () => failed;

// fail covers the page for good: without a sound agent the session is going to end unseen (D5). The first failure counts.
export function fail(kind, detail) {
  if (failed) return;
  failed = true;
  setState("failed");
  const [body, cause] = kinds[kind] ?? kinds.agent;
  console.error(`Curfew covered this page (${kind}): ${cause}`, detail ?? "");
  try {
    cover("This page cannot be shown right now", body, "Try again", () => location.reload());
  } catch (error) {
    // Nothing to cover the page with: then it must go.
    console.error("Curfew could not cover the page and emptied it:", error);
    document.documentElement.replaceChildren("This page cannot be shown right now. " + body);
  }
}
