/**
 * What a page's own scripts may use of Curfew: `globalThis.curfew`, the same on the script's element, and the events that tell a page
 * about its session. A file for developers; nothing fetches it. Include it with `/// <reference path="curfew.d.ts" />` or in
 * `tsconfig.json`.
 */

/** How the agent is. */
type CurfewState =
  /** It does not guard the page yet. */
  | "starting"
  /** It guards the page. */
  | "armed"
  /**
   * The session is over for this page, which is covered. It is "armed" again when the same user is back. While the verifier cannot be
   * reached this may be the page's own reckoning: `curfew:ended` comes only when it is sure, and when it was wrong it is "armed" again.
   */
  | "ended"
  /** It cannot run, and the page is covered for good. */
  | "failed";

/** Why a session ends, or would. A later version may know more reasons. */
type CurfewReason =
  | "session_timeout"
  | "inactivity"
  | "signed_out"
  | "signed_out_elsewhere"
  | "ended_by_admin"
  | "ended_by_provider"
  | "provider_refused"
  | "policy_check_overdue"
  | "user_mismatch"
  | "key_mismatch"
  | "agent_silent";

/** `globalThis.curfew`, and the same on the element of the script. A frame that its page watches shares the page's. It is frozen. */
interface Curfew {
  /** How the agent is now. */
  readonly state: CurfewState;
  /**
   * Keeps the session from ending by inactivity, as the button "Stay signed in" does. It works only within a few seconds of something
   * that a person did in the page, such as a click: a script alone keeps no session alive. While the inactivity warning shows, only
   * its own button counts.
   * @returns whether the choice was taken. The verifier has then still to confirm it.
   */
  stay(): boolean;
  /**
   * Signs out: covers the page, dispatches `curfew:ending`, waits for the work that is handed in there for at most three seconds, and
   * goes to the sign-out.
   * @returns whether the choice was taken; false when there is no session to end.
   */
  signOut(): boolean;
  /**
   * Says whether the page has work that would be lost. The dialog then says so, and signing in again happens in a window of its own,
   * so that the page stays as it is. In a frame it is about that frame.
   */
  markUnsaved(unsaved: boolean): void;
}

/** What every event of the session tells. */
interface CurfewEventDetail {
  /** Why the session ends, or would. Empty where there is no reason, as with `curfew:resumed`. */
  readonly reason: CurfewReason | "";
  /** Milliseconds until the session ends; 0 when it has, or is not going to. */
  readonly left: number;
  /**
   * Hands in work that is still being done, such as a draft being sent. With `curfew:ending` a sign-out waits until all of it has
   * settled, in whatever way, but for three seconds at most; a deadline waits for nobody. Call it before the listener returns.
   */
  waitUntil(work: PromiseLike<unknown>): void;
}

/** An event of the session. It is dispatched on the document, and on those of the frames that the page watches, and bubbles to the window. */
type CurfewEvent = CustomEvent<CurfewEventDetail>;

interface CurfewEventMap {
  /**
   * A warning comes in about ten seconds: that of inactivity unless somebody becomes active, that of the session in any case. Nothing
   * shows yet: time to save.
   */
  "curfew:notice": CurfewEvent;
  /** A warning shows. */
  "curfew:warning": CurfewEvent;
  /** The session goes on after a warning. */
  "curfew:extended": CurfewEvent;
  /** The session ends within three seconds, or the person signs out. Hand unfinished work to `detail.waitUntil`. */
  "curfew:ending": CurfewEvent;
  /** The session is over and the page is covered. */
  "curfew:ended": CurfewEvent;
  /** The same user is back in another session, and the page is shown again as it was. */
  "curfew:resumed": CurfewEvent;
}

/**
 * The module of signed requests to APIs: `import { fetch } from "/.curfew/api.js"`. Each request carries an access token and a proof made
 * with the session's key (RFC 9449). It keeps no session alive. Where the prefix is another one, declare the module under that name too.
 */
declare module "*/.curfew/api.js" {
  /** What `signedFetch` may be given. */
  export interface SignedFetchOptions {
    /** Other origins that signed requests may go to, such as `https://api.example`. They must allow them (CORS). */
    readonly origins?: readonly string[];
  }
  /** A `fetch` whose requests are signed. Redirects are errors, because a proof is for one address. */
  export type SignedFetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  /**
   * The `fetch` for this origin. Without a session, or when it is over, it answers with the verifier's refusal: 401 and a JSON body with
   * `error`, such as `session_ended`, and for that a `reason`. It throws a TypeError for any other origin, and where `fetch` would.
   */
  export const fetch: SignedFetch;
  /** Makes a `fetch` for this origin and for others. */
  export function signedFetch(options?: SignedFetchOptions): SignedFetch;
}

/** The element of the script: `document.querySelector<CurfewScriptElement>("script[src$='agent.js']")`. */
type CurfewScriptElement = HTMLScriptElement & Curfew;

interface DocumentEventMap extends CurfewEventMap {}
interface WindowEventMap extends CurfewEventMap {}

/** The one name that Curfew adds to a page. It is there once the script has run: undefined on a page without it, and before. */
declare var curfew: Curfew | undefined;
