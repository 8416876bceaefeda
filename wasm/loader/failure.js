// Failures: what the person reads, and what the console says to whoever has to fix it. Nothing technical is shown to a person.
import { cover } from "./cover.js";
import { speak } from "./stage.js";
import { setState } from "./state.js";
import { texts } from "./texts.js";

const words = {
  general: "Part of this page, which keeps your session safe, could not start. Try again. If that does not help, ask the people who run this service.",
  network: "Check your connection and try again.",
  unsupported: "This browser is too old for this page. Update it, or use another one.",
  storage: "This browser does not allow the page to store what keeps your session safe. Leave private browsing, or allow this site to store data, and try again.",
};

const causes = {
  network: "the agent could not be downloaded. Check the verifier, and connect-src in the Content-Security-Policy.",
  status: "the verifier has no such agent. Check caches and proxies.",
  integrity: "the agent's bytes are not the ones that agent.js expects. Check caches and proxies.",
  policy: "script-src in the Content-Security-Policy lacks 'wasm-unsafe-eval'.",
  compile: "the browser could not compile the agent.",
  unsupported: "the browser has no WebAssembly.",
  crypto: "WebCrypto is missing. Serve the page over https, or from localhost.",
  storage: "IndexedDB is missing, blocked or broken.",
  crash: "the agent stopped.",
};

let failed = false;

// isFailed says whether the page is covered for good.
export const isFailed = () => failed;

// fail covers the page for good: without a sound agent the session is going to end unseen (D5). The first failure counts.
export function fail(kind, detail) {
  if (failed) return;
  failed = true;
  setState("failed");
  const key = Object.hasOwn(words, kind) ? kind : "general";
  console.error(`Curfew covered this page (${kind}): ${causes[kind] ?? "the agent failed."}`, detail ?? "");
  const say = (title, body, label) => cover(title, body, label, () => location.reload());
  const title = "This page cannot be shown right now";
  try {
    speak("en", "ltr");
    say(title, words[key], "Try again");
    // At once in English, and in the page's language when its texts are there.
    texts().then((own) => {
      const told = ["failure.title", "failure." + key, "button.retry"].map((name) => own?.[name]);
      if (!told.every((text) => typeof text === "string")) return;
      speak(own.language, own.direction);
      say(...told);
    });
  } catch (error) {
    // Nothing to cover the page with: then it must go.
    console.error("Curfew emptied the page:", error);
    document.documentElement.replaceChildren(title + ". " + words[key]);
  }
}
