// The module api.js: fetch for requests to APIs that are signed with the session's key (RFC 9449). Only pages that import it load it. It
// shares nothing with the agent but the key in IndexedDB, which nobody can export, and it tells the verifier nothing about activity: no
// request by it keeps a session alive (D1).

// As they were when this module ran: what a page puts in their place later must not get hold of a token or a key.
const { fetch: send, Request, Response, URL, TextEncoder, JSON, TypeError, Promise, indexedDB, btoa, performance } = globalThis;
const { subtle } = crypto;
const now = () => performance.now();

const prefix = new URL(".", import.meta.url);
const here = new URL(import.meta.url).origin;
const encoder = new TextEncoder();
const margin = 5_000; // a token is not used in its last milliseconds: it must last for the way to the API

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const encode = (text) => base64url(encoder.encode(text));
const json = (value) => encode(JSON.stringify(value));

let token; // { text, hash, until, key }
let asking; // a promise of one

// find finds the session's key, by its thumbprint, where the agent keeps it (agent/browser/storage); nothing where there is none.
async function find(thumbprint) {
  const db = await settle(() => {
    const request = indexedDB.open("curfew");
    request.onupgradeneeded = () => request.transaction.abort(); // there is no database, and an empty one must not be left for the agent
    return request;
  }).catch(() => {});
  if (!db) return;
  try {
    const records = await settle(() => db.transaction("keys").objectStore("keys").get(prefix.pathname));
    return records?.find?.((record) => record.thumbprint === thumbprint);
  } finally {
    db.close();
  }
}

function settle(begin) {
  return new Promise((resolve, reject) => {
    const request = begin();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// prove makes a proof for one request.
async function prove(key, method, url, nonce, ath) {
  const address = new URL(url);
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: { crv: "P-256", kty: "EC", x: key.x, y: key.y } };
  const claims = { jti: crypto.randomUUID(), htm: method, htu: address.origin + address.pathname, iat: Math.floor(Date.now() / 1000), nonce, ath };
  const input = json(header) + "." + json(claims);
  const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.private, encoder.encode(input));
  return input + "." + base64url(signature);
}

// issue asks the verifier for a token: first for the nonce, and which key the session is bound to. What it refuses is thrown as its answer.
async function issue() {
  const url = prefix + "token";
  let proof;
  for (let tries = 0, key; ; tries++) {
    const answer = await send(url, { method: "POST", headers: proof ? { DPoP: proof } : {}, credentials: "same-origin", cache: "no-store" });
    if (answer.ok) {
      const { access_token: text, expires_in: seconds, nonce } = await answer.json();
      nonces.set(here, nonce);
      return { text, key, hash: base64url(await subtle.digest("SHA-256", encoder.encode(text))), until: now() + seconds * 1000 };
    }
    const refusal = await answer.clone().json().catch(() => ({}));
    if (refusal.error !== "use_dpop_nonce" || tries > 1) throw answer;
    key = await find(refusal.key);
    if (!key) throw answer; // this browser is not the session's
    proof = await prove(key, "POST", url, refusal.nonce);
  }
}

// current is a token that is good for a while, asked for once for all who need it.
async function current() {
  if (token && now() < token.until - margin) return token;
  asking ??= issue().then((got) => (token = got)).finally(() => (asking = undefined));
  return asking;
}

const nonces = new Map(); // by origin: the next nonce

/** signedFetch makes a fetch that signs requests to this origin and to some others. */
export function signedFetch({ origins = [] } = {}) {
  const allowed = new Set([here, ...origins]);
  return async (input, init) => {
    const request = new Request(input, { ...init, redirect: "error" }); // a proof is for one address
    const { origin } = new URL(request.url);
    if (!allowed.has(origin)) throw new TypeError(`signed requests go to ${[...allowed].join(", ")} and not to ${origin}`);
    for (let tries = 0; ; tries++) {
      let use;
      try {
        use = await current();
      } catch (refused) {
        if (refused instanceof Response) return refused.clone();
        throw refused;
      }
      const attempt = new Request(request.clone());
      attempt.headers.set("Authorization", "DPoP " + use.text);
      attempt.headers.set("DPoP", await prove(use.key, request.method, request.url, nonces.get(origin), use.hash));
      const answer = await send(attempt);
      const nonce = answer.headers.get("DPoP-Nonce");
      if (nonce) nonces.set(origin, nonce);
      const challenge = answer.status === 401 ? answer.headers.get("WWW-Authenticate") ?? "" : "";
      const stale = challenge.includes('"invalid_token"');
      if (stale && token === use) token = undefined;
      if (tries > 0 || !stale && !(nonce && challenge.includes('"use_dpop_nonce"'))) return answer;
    }
  };
}

/** fetch is the one for this origin. */
export const fetch = signedFetch();
