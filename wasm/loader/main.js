// The script tag's code. It runs before the agent is there: it keeps the times of human activity from the first moment on, can
// cover the page by itself, loads the agent and hands the page over to it (see port.js), and covers the page when that fails.
import { revive, watch } from "./activity.js";
import { api, pass } from "./api.js";
import { createPort } from "./port.js";
import { run } from "./run.js";
import { adopted, askAgain } from "./frames.js";
import { setState } from "./state.js";
import { textsFrom } from "./texts.js";

const script = globalThis.document?.currentScript;

function begin() {
  Object.defineProperty(globalThis, "curfew", { value: api, enumerable: true, writable: false, configurable: false }); // the one name that a page sees
  const settings = read(script);
  textsFrom(settings.prefix);
  const listen = () => watch(window);
  revive.push(listen);
  listen();
  adopted(
    (parent) => {
      pass(parent);
      setState(() => parent.state);
    },
    () => run(createPort(settings)),
  );
}

// read takes the mode and the prefix from the script's own tag. CURFEW_PREFIX stands in for a script that was not loaded from
// below the prefix, such as ClientGlobalContext.js.aspx (A10), or from this origin.
function read(script) {
  const { mode = "guard", nonce = "", returnTo = "/", stay } = script?.dataset ?? {};
  let prefix = CURFEW_PREFIX;
  if (script?.src) {
    const address = new URL(script.src);
    if (address.origin === location.origin && address.pathname.endsWith("/agent.js")) {
      prefix = new URL(".", address).pathname;
    }
  }
  // The browser brings the fragment of the page that it wanted along; the server never sees it.
  const back = mode === "guard" || returnTo.includes("#") ? returnTo : returnTo + location.hash;
  return { mode, nonce, returnTo: back, prefix, stay: stay === "1" };
}

if (globalThis.document) { // there is none where a page is only rendered
  // Where navigation replaces only parts of the page, the script runs again in a page that it guards already. A variable of the
  // page, and an element with the id curfew, answer to the name as well; only ours cannot be written.
  if (Object.getOwnPropertyDescriptor(globalThis, "curfew")?.writable !== false) begin();
  else {
    for (const listen of revive) listen();
    askAgain();
  }
  if (script) Object.defineProperties(script, Object.getOwnPropertyDescriptors(globalThis.curfew));
}
