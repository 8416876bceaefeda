// Time as a provider sees it. This module must be evaluated before any other, so that nobody keeps the real Date.
import { AsyncLocalStorage } from 'node:async_hooks';

const RealDate = globalThis.Date;

// current is the provider on whose behalf code runs, with everything that it awaits. Several providers share this process, each with
// its own time: a provider's `time` is where its clock stands, in milliseconds since the epoch, or null while it runs with the real one.
export const current = new AsyncLocalStorage();

const now = () => current.getStore()?.time ?? RealDate.now();

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
