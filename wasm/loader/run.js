// Loads the agent and watches over it.
import { load } from "go:wasm_exec"; // Go's own, from GOROOT
import { fail } from "./failure.js";

const patience = 60_000; // for one download, in milliseconds

// What the agent needs of the browser, as it was when this script ran: a fetch or Date that the page puts in the place of the
// browser's is not ours. Some a browser does not have, and reading some throws where storage is blocked; the agent says what it misses.
const own = {};
for (const name of ["Object", "Array", "Uint8Array", "Date", "URL", "console", "AbortController", "encodeURIComponent", "document", "location", "origin",
  "performance", "crypto", "fetch", "Promise", "JSON", "Intl", "navigator", "indexedDB", "localStorage", "BroadcastChannel", "EventSource", "Notification"]) {
  try { own[name] = globalThis[name]; } catch { /* missing */ }
}
const { crypto, fetch } = own;

// run starts the agent on a port. It never throws: whatever goes wrong covers the page.
export async function run(port) {
  if (typeof WebAssembly !== "object") return fail("unsupported");
  if (!crypto?.subtle) return fail("crypto");
  let go, report, stop;
  try {
    ({ go, report, stop } = start(port));
  } catch (error) {
    return fail("crash", error);
  }
  let module;
  let instance;
  try {
    module = await download(port.prefix + CURFEW_WASM);
    instance = await WebAssembly.instantiate(module, go.importObject);
  } catch (error) {
    return fail(module ? "compile" : diagnose(error), error);
  }
  try {
    await go.run(instance);
    stop("it ended" + report());
  } catch (error) {
    stop(error);
  }
}

// download returns the compiled module. A download that fails is tried once more, past the cache: the network may have blinked,
// and a cached copy may be broken.
async function download(url) {
  try {
    return await attempt(url, "default");
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return attempt(url, "reload");
  }
}

// attempt lets nothing run that is not, to the byte, what this loader was built with. It hashes by itself, at the same time as the
// browser compiles: with the integrity option fetch keeps everything back until it has hashed, and what is compiled while it
// downloads has to be read twice for a hash, which takes longer than compiling it afterwards.
async function attempt(url, cache) {
  const response = await fetch(url, { priority: "low", cache, signal: AbortSignal.timeout(patience) });
  if (!response.ok) throw new Failure("status", `${url} answered ${response.status}`);
  const bytes = await response.arrayBuffer();
  const compiling = WebAssembly.compile(bytes);
  compiling.catch(() => {}); // it is awaited below, unless the hash is wrong
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = "sha256-" + btoa(String.fromCharCode(...hash));
  if (found !== CURFEW_INTEGRITY) throw new Failure("integrity", `${url} has ${found}, want ${CURFEW_INTEGRITY}`);
  return compiling;
}

class Failure extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

function diagnose(error) {
  if (error.kind) return error.kind;
  if (!(error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError)) return "network";
  try {
    new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); // the smallest module
    return "compile";
  } catch {
    return "policy";
  }
}

// start makes Go's runtime. Go gets its own global object with no more than the agent needs: the page's gets no fs, process or Go from us.
function start(port) {
  let written = ""; // the end of what Go wrote: on a panic, the reason
  const decoder = new TextDecoder();
  const writeSync = (_, bytes) => {
    written = (written + decoder.decode(bytes)).slice(-4000);
    return bytes.length;
  };
  const scope = {
    fs: {
      constants: { O_WRONLY: -1, O_RDWR: -1, O_CREAT: -1, O_TRUNC: -1, O_APPEND: -1, O_EXCL: -1, O_DIRECTORY: -1 },
      writeSync,
      write: (fd, bytes, _offset, _length, _position, done) => done(null, writeSync(fd, bytes)),
    },
    process: {}, path: {}, curfew: { port }, ...own,
  };

  const go = new (load(scope, scope.fs))();
  let stopped = false;
  const stop = (reason) => {
    if (stopped) return;
    stopped = true;
    go._scheduledTimeouts.clear(); // or a timer that is due tries for ever to wake what is gone
    fail("crash", reason);
  };
  port.stop = stop;
  go.exit = (code) => stop(`exit code ${code}\n${written}`);
  const resume = go._resume;
  go._resume = () => {
    if (stopped) return;
    try {
      resume.call(go);
    } catch (error) {
      stop(error);
    }
  };
  return { go, stop, report: () => "\n" + written };
}
