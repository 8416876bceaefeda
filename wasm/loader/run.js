// Loads the agent and watches over it.
import { load } from "go:wasm_exec"; // Go's own, from GOROOT
import { fail } from "./failure.js";

const patience = 60_000; // for one download, in milliseconds

// run starts the agent on a port. It never throws: whatever goes wrong covers the page.
export async function run(port) {
  if (typeof WebAssembly !== "object") return fail("unsupported");
  const { go, report, stop } = start(port);
  let module;
  try {
    module = await compile(port.prefix + CURFEW_WASM, go.importObject);
  } catch (error) {
    return fail(await diagnose(port.prefix + CURFEW_WASM, error), error);
  }
  try {
    await go.run(module.instance);
    stop("it ended" + report());
  } catch (error) {
    stop(error);
  }
}

// compile downloads and compiles. A download that fails is tried once more, past the cache: the network may have blinked, and a
// cached copy may be broken.
async function compile(url, imports) {
  try {
    return await attempt(url, imports, "default");
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return attempt(url, imports, "reload");
  }
}

async function attempt(url, imports, cache) {
  const response = await fetch(url, {
    integrity: CURFEW_INTEGRITY, priority: "low", cache, signal: AbortSignal.timeout(patience),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  if (response.headers.get("Content-Type") === "application/wasm") {
    return WebAssembly.instantiateStreaming(response, imports);
  }
  return WebAssembly.instantiate(await response.arrayBuffer(), imports);
}

// diagnose finds out why, because fetch says the same of a lost network, a refusal and a wrong hash.
async function diagnose(url, error) {
  try {
    new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); // the smallest module
  } catch {
    return "policy";
  }
  if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) return "compile";
  try {
    const response = await fetch(url, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(patience) });
    return response.ok ? "integrity" : "status";
  } catch {
    return "network";
  }
}

// start makes Go's runtime. Go gets its own global object with no more than the agent needs, as it was when this script ran: the
// page's global object gets no fs, process or Go from us, and the page's later changes to fetch or Date are not ours.
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
    process: {}, path: {}, curfew: { port },
    Object, Array, Uint8Array, Date, URL, console, AbortController, encodeURIComponent, document, location, performance, crypto, fetch,
  };
  try {
    scope.indexedDB = indexedDB; // reading it throws where storage is blocked
  } catch { /* the agent says that it is missing */ }

  const go = new (load(scope, scope.fs))();
  let stopped = false;
  const stop = (reason) => {
    if (stopped) return;
    stopped = true;
    go._scheduledTimeouts.clear(); // or a timer that is due tries for ever to wake what is gone
    fail("crash", reason);
  };
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
